"""A soak that is interrupted ends what it has started."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers import daemons, postgresql

KILLS = ("--kills", "50", "--messages", "500", "--seed", "1")


@pytest.mark.parametrize(
    ("number", "started", "code"),
    [(signal.SIGINT, 3, 130), (signal.SIGTERM, 5, 143)],
    ids=["Ctrl-C while it starts", "SIGTERM when all are there"],
)
def test_an_interrupted_soak_leaves_no_process_behind(
    tmp_path: Path, number: signal.Signals, started: int, code: int
) -> None:
    postgresql.demand()
    command = [sys.executable, "-m", "benchmarks.soak", "--postgresql", *KILLS]
    soak = daemons.start(command, tmp_path / "log")
    try:
        family = _family_of(soak, started)
        soak.send_signal(number)
        ended = soak.wait(60)
    finally:
        daemons.end(soak)
    left = [each for each in family if _runs(each)]
    for each in left:
        os.kill(each, signal.SIGKILL)

    assert (left, ended) == ([], code), (tmp_path / "log").read_text("utf-8")


def _family_of(soak: subprocess.Popen[bytes], count: int) -> set[int]:
    """All its processes, once it has started so many programs."""
    ends = time.monotonic() + 60
    while len(_children(soak.pid)) < count:
        assert time.monotonic() < ends
        assert soak.poll() is None
        time.sleep(0.05)
    return _descendants(soak.pid)


def _runs(pid: int) -> bool:
    """Whether it is there, and not only to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _descendants(pid: int) -> set[int]:
    children = _children(pid)
    return children.union(*map(_descendants, children))


def _children(pid: int) -> set[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    except FileNotFoundError:  # it has just ended
        return set()
    return {int(each) for each in text.split()}
