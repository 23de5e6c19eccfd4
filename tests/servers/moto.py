"""Moto's server: AWS, as far as it goes."""

import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.servers import daemons


def start(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start moto's server on a free port of 127.0.0.1."""
    port = daemons.free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
    process = daemons.start([str(each) for each in command], folder / "moto.log")
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            httpx.get(f"http://127.0.0.1:{port}/moto-api/", timeout=5)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return process, port
    raise RuntimeError((folder / "moto.log").read_text())
