"""Accepted means on disk: the flush comes before the 202, every time, as the kernel saw it."""

import re
import shutil
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.forms import message
from tests.running import Platform

REQUESTS = 50

# A call that another thread interrupts stands in two lines, of which the first has the path.
_FLUSH = re.compile(r"(\d+) +f(?:data)?sync\(\d+<([^>]+)>(\) += 0)?")
_RESUMED = re.compile(r"(\d+) +<\.\.\. f(?:data)?sync resumed>\) += 0")
_ANSWER = "HTTP/1.1 202"

SMALL, LARGE = "Dear Anna", "Dear Anna, dear Ben, dear Carl\n" * 2000


@pytest.mark.parametrize(
    ("text", "flushed"),
    [(SMALL, ["letterhead.db-wal"]), (LARGE, ["letterhead.db-bodies", "letterhead.db-wal"])],
    ids=["in its row", "in a file of its own"],
)
def test_a_202_is_written_after_the_flush(tmp_path: Path, text: str, flushed: list[str]) -> None:
    if not shutil.which("strace"):
        pytest.skip("needs strace: run `make servers` as root on Debian")
    platform = Platform(tmp_path, {})
    portal = platform.portal("hart")
    portal.send(message("Warm", text=text))
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,write,writev,sendto,sendmsg"
    where = ("-o", str(trace), "-p", str(platform.process.pid))
    watching = subprocess.Popen(
        ["/usr/bin/strace", "-f", "-y", "-e", calls, "-s", "24", *where], stderr=subprocess.DEVNULL
    )
    while not trace.exists() or "202" not in trace.read_text():  # until it has taken hold
        portal.send(message("Is it watched?"))
        time.sleep(0.05)

    for number in range(REQUESTS):
        portal.send(message(f"Mail {number}", text=text))
    watching.send_signal(signal.SIGINT)
    watching.wait()
    platform.stop()

    seen = flushed_or_answered(trace.read_text())
    answers = [at for at, what in enumerate(seen) if what == _ANSWER]
    assert len(answers) > REQUESTS
    for last, at in pairwise(answers[-REQUESTS - 1 :]):
        since = seen[last + 1 : at]  # a checkpoint may flush more
        assert in_order(flushed, since), since


def in_order(wanted: list[str], paths: list[str]) -> bool:
    """Whether a path with each of `wanted` is there, one behind the other."""
    rest = iter(paths)
    return all(any(each in path for path in rest) for each in wanted)


def flushed_or_answered(trace: str) -> list[str]:
    """The paths of files whose flush was done, and the answers, in their order."""
    seen: list[str] = []
    begun: dict[str, str] = {}  # by thread
    for line in trace.splitlines():
        if flush := _FLUSH.match(line):
            thread, path, done = flush.groups()
            begun[thread] = path
            if done:
                seen.append(path)
        elif resumed := _RESUMED.match(line):
            seen.append(begun[resumed[1]])
        elif _ANSWER in line:
            seen.append(_ANSWER)
    return seen
