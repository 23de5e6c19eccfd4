"""Starting and ending daemons: they must not inherit pytest's pipes, or it never returns."""

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

_PATIENCE = 20.0  # seconds
SBIN = "/usr/sbin:/usr/bin:/sbin:/bin"


def demand(*programs: str) -> None:
    """Skip, loudly, where a server is not installed or cannot be started."""
    missing = [each for each in programs if not shutil.which(each, path=SBIN)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: run `make servers` as root on Debian")


def run(command: Sequence[object], log: Path) -> None:
    """Run a command to its end; its output is in `log`, and in the error where it fails."""
    with log.open("ab") as written:
        done = subprocess.run(
            [str(each) for each in command],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
            timeout=60,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {log.read_text('utf-8', 'replace')[-2000:]}")


def start(command: Sequence[object], log: Path) -> subprocess.Popen[bytes]:
    """Start a command that stays in the foreground."""
    with log.open("ab") as written:
        return subprocess.Popen(
            [str(each) for each in command],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that we have started."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(host: str, port: int) -> None:
    """Wait until something listens there."""
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        with socket.socket() as tried:
            tried.settimeout(0.5)
            if tried.connect_ex((host, port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens at {host}:{port}")


def free_port(host: str = "127.0.0.1", kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody uses at the moment."""
    with socket.socket(type=kind) as tried:
        tried.bind((host, 0))
        port: int = tried.getsockname()[1]
        return port
