"""What trees of processes use: CPU, dead children included, and memory counted once."""

import os
import re
import signal
import sys
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def tree(roots: Iterable[int]) -> set[int]:
    """The processes `roots`, and all that they have started and that are there still."""
    parents = {
        int(each.name): int(fields[1])
        for each in Path("/proc").iterdir()
        if each.name.isdigit() and (fields := _fields(int(each.name)))
    }
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu(roots: Iterable[int]) -> float:
    """Seconds of CPU that the trees have used so far, by processes that have ended, too."""
    fields = filter(None, map(_fields, tree(roots)))
    return sum(sum(map(int, each[11:15])) for each in fields) / _TICKS


def memory(roots: Iterable[int]) -> float:
    """MB that the trees hold; what several share counts once (their proportional set size)."""
    total = 0
    for pid in tree(roots):
        with suppress(OSError):
            found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text("ascii"))
            total += int(found[1]) if found else 0
    return total / 1024


@contextmanager
def watched(roots: Collection[int], every: float = 0.5) -> Iterator[list[float]]:
    """The most memory that the trees hold meanwhile, in MB; looked at each so many seconds."""
    most, over = [memory(roots)], threading.Event()

    def watch() -> None:
        while not over.wait(every):
            most[0] = max(most[0], memory(roots))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


@contextmanager
def ended_with_us() -> Iterator[None]:
    """Leave no process behind that we have started, also where SIGTERM or Ctrl-C comes between."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:  # a shell lets what it starts in the background ignore Ctrl-C
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        for pid in tree([os.getpid()]) - {os.getpid()}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _leave(number: int, _: object = None) -> None:
    """End as a shell says it of a signal, by an exception: whoever has something open closes it."""
    sys.exit(128 + number)


def _fields(pid: int) -> list[str]:
    """What stands in /proc/PID/stat behind the name; nothing if the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return []
