"""
How often the disk is flushed for a message, when clients hand in one message after the other.

    python -m benchmarks.flushes                   16 clients by SMTP, and 16 by the HTTP API

Counted by the kernel (`perf stat` of its trace points, as root), which stops nobody: under strace
the service took half as many messages, and flushed twice as often for each. The load is a process
of its own. The messages are captured: a file each, which is not flushed, and outcomes as always.
"""

import argparse
import json
import os
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.peers import wait
from letterhead.demo.stand import end

_EVENTS = "syscalls:sys_enter_fsync,syscalls:sys_enter_fdatasync"
_COUNTED = re.compile(r"^(\d+),,syscalls:", re.MULTILINE)
_LOADS = {"SMTP": "benchmarks.smtp_load", "HTTP": "benchmarks.http_load"}

Figures = tuple[float, float]  # flushes a message, and messages a second


@dataclass(frozen=True, slots=True)
class Service:
    """A service with one portal."""

    pid: int
    ports: Mapping[str, int]
    key: str

    def load(self, door: str, clients: int, count: int) -> float:
        """Hand in so many messages; gives how many a second were taken."""
        options = {"port": self.ports[door], "login": "hart", "password": self.key}
        options |= {"sessions": clients, "messages": count}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, "-m", _LOADS[door], *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own
        return float(count / json.loads(done.stdout)["seconds"])


@contextmanager
def service(folder: Path) -> Iterator[Service]:
    """Start one in a folder of its own."""
    key, port = secrets.token_urlsafe(24), _free_port()
    settings = {
        "LETTERHEAD_DATA_DIR": str(folder / "data"),
        "LETTERHEAD_LISTEN": f"127.0.0.1:{port}",
        "LETTERHEAD_SUBMISSION_LISTEN": "127.0.0.1:0",
        "LETTERHEAD_BOOTSTRAP_PLATFORM_KEY": key,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "letterhead", "serve"],
        env={**os.environ, **settings},  # noqa: TID251
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    headers = {"Authorization": f"Bearer {key}"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as http:
            wait(60, lambda: _answers(http))
            http.post("/v1/portals", json={"slug": "hart", "name": "Hart"}).raise_for_status()
            smtp = int(http.get("/healthz").json()["submission"]["starttls"])
        yield Service(process.pid, {"HTTP": port, "SMTP": smtp}, key)
    finally:
        end(process)


@contextmanager
def counting(pid: int) -> Iterator[list[int]]:
    """How often a process flushes meanwhile; it is there at the end."""
    perf = shutil.which("perf")
    if not perf or os.geteuid() != 0:
        sys.exit("needs perf (linux-perf on Debian), and root")
    command = [perf, "stat", "-x", ",", "-e", _EVENTS, "-p", str(pid)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603
    time.sleep(0.5)  # it says nothing when it begins
    found: list[int] = []
    yield found
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    counts = [int(each) for each in _COUNTED.findall(said)]
    if len(counts) != len(_EVENTS.split(",")):
        sys.exit(f"perf cannot count: {said}")
    found.append(sum(counts))


def measure(door: str, clients: int, count: int) -> Figures:
    """Let a load run against a new service."""
    with TemporaryDirectory(prefix="letterhead-flushes-") as name, service(Path(name)) as running:
        running.load(door, clients, count // 10)  # warm
        with counting(running.pid) as flushes:
            rate = running.load(door, clients, count)
        return flushes[0] / count, rate


def show(found: Mapping[str, Sequence[Figures]], title: str) -> None:
    """Print the medians, and the least and the most."""
    table = Table("by", "flushes a message", "messages/s", title=title)
    for door, runs in found.items():
        flushes, rates = zip(*runs, strict=True)
        table.add_row(door, _spread(flushes, ".3f"), _spread(rates, ",.0f"))
    Console().print(table)


def _spread(values: Sequence[float], form: str) -> str:
    middle, *ends = (
        f"{each:{form}}" for each in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} ({' to '.join(ends)})"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").is_success
    except httpx.TransportError:
        return False


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description="Flushes of the disk for a message.")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    found: dict[str, list[Figures]] = {door: [] for door in _LOADS}
    for _ in range(asked.rounds):
        for door, runs in found.items():
            runs.append(measure(door, asked.clients, asked.messages))
    show(found, f"{asked.clients} clients, {asked.messages:,} messages")


if __name__ == "__main__":
    main()
