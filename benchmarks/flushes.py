"""
How often the disk is flushed for a message, when clients hand in one message after the other.

    python -m benchmarks.flushes                   16 clients, 2,000 messages

Counted by strace, which with its filter in the kernel (seccomp) stops the calls that it counts and
no others. The messages are captured: a file each, which is not flushed, and outcomes as always.
"""

import argparse
import itertools
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console

from benchmarks.peers import message, wait

_FLUSH = re.compile(r"^\d+ +(?:[\d.]+ )?f(?:data)?sync\(", re.MULTILINE)

console = Console(highlight=False)


class Client:
    """Hands in messages over a connection of its own."""

    def __init__(self, address: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}", "X-Portal": "hart"}
        self._http = httpx.Client(base_url=f"{address}/v1", headers=headers, timeout=60)

    def hand_in(self, count: int) -> None:
        for number in range(count):
            self._http.post("/messages", json=message(number)).raise_for_status()


def measure(folder: Path, clients: int, count: int) -> tuple[float, float]:
    """Flushes a message, and messages a second while they are counted."""
    key, trace = secrets.token_urlsafe(24), folder / "trace"
    address = f"http://127.0.0.1:{_free_port()}"
    settings = {
        "LETTERHEAD_DATA_DIR": str(folder / "data"),
        "LETTERHEAD_LISTEN": address.removeprefix("http://"),
        "LETTERHEAD_SUBMISSION_LISTEN": "127.0.0.1:0",
        "LETTERHEAD_BOOTSTRAP_PLATFORM_KEY": key,
    }
    process = _start(settings, trace)
    try:
        wait(60, lambda: _answers(address))
        body, headers = {"slug": "hart", "name": "Hart"}, {"Authorization": f"Bearer {key}"}
        httpx.post(f"{address}/v1/portals", json=body, headers=headers).raise_for_status()
        at_work = [Client(address, key) for _ in range(clients)]
        at_work[0].hand_in(20)
        before, began = _flushes(trace), time.perf_counter()
        with ThreadPoolExecutor(clients) as threads:
            list(threads.map(Client.hand_in, at_work, itertools.repeat(count // clients)))
        seconds, flushes = time.perf_counter() - began, _flushes(trace) - before
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # strace alone would leave it running
        process.wait()
    handed_in = count // clients * clients
    return flushes / handed_in, handed_in / seconds


def _start(settings: Mapping[str, str], trace: Path) -> subprocess.Popen[bytes]:
    strace = shutil.which("strace")
    if not strace:
        sys.exit("needs strace: run `make servers` as root on Debian")
    calls = ("-e", "trace=fsync,fdatasync", "-o", str(trace))
    return subprocess.Popen(  # noqa: S603 - found by name
        [strace, "-f", "--seccomp-bpf", *calls, sys.executable, "-m", "letterhead", "serve"],
        env={**os.environ, **settings},  # noqa: TID251
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz").is_success
    except httpx.TransportError:
        return False


def _flushes(trace: Path) -> int:
    return len(_FLUSH.findall(trace.read_text("ascii")))


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--messages", type=int, default=2000)
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="letterhead-flushes-") as name:
        flushes, rate = measure(Path(name), asked.clients, asked.messages)
    console.print(f"{asked.clients} clients: {flushes:.3f} flushes a message, {rate:,.0f}/s")


if __name__ == "__main__":
    main()
