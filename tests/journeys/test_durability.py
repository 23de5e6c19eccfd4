"""Accepted means on disk: the flush comes before the 202, every time, as the kernel saw it."""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.forms import message
from tests.running import Platform

REQUESTS = 50

# A call that another thread interrupts stands in two lines.
_FLUSHED_OR_ANSWERED = r"(f(?:data)?sync(?:\(\d+\)| resumed>\)) += 0)|(HTTP/1\.1 202)"


def test_a_202_is_written_after_the_flush(tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("needs strace: run `make servers` as root on Debian")
    platform = Platform(tmp_path, {})
    portal = platform.portal("hart")
    portal.send(message("Warm"))
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,write,writev,sendto,sendmsg"
    where = ("-o", str(trace), "-p", str(platform.process.pid))
    watching = subprocess.Popen(
        ["/usr/bin/strace", "-f", "-e", calls, "-s", "24", *where], stderr=subprocess.DEVNULL
    )
    while not trace.exists() or "202" not in trace.read_text():  # until it has taken hold
        portal.send(message("Is it watched?"))
        time.sleep(0.05)

    for number in range(REQUESTS):
        portal.send(message(f"Mail {number}"))
    watching.send_signal(signal.SIGINT)
    watching.wait()
    platform.stop()

    seen = re.findall(_FLUSHED_OR_ANSWERED, trace.read_text())
    answers = [at for at, (_, answer) in enumerate(seen) if answer]
    assert len(answers) >= REQUESTS
    assert all(at > 0 and seen[at - 1][0] for at in answers[-REQUESTS:])
