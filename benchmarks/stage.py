"""The stand of the demo, with a portal that is switched on, and what its processes use."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console

from letterhead.demo.journey import SLUG, Journey
from letterhead.demo.stand import Stand, stand

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a benchmark needs."""

    http: httpx.Client
    stand: Stand


@contextmanager
def stage(database_url: str = "") -> Iterator[Stage]:
    """Start all of it, on SQLite or on a database with its tables."""
    with stand(database_url) as where:
        journey = Journey(where, Console(quiet=True))
        journey.set_up()
        journey.close()
        headers = {"Authorization": f"Bearer {where.key}", "X-Portal": SLUG}
        base_url = f"{where.address}/v1"
        with httpx.Client(base_url=base_url, headers=headers, timeout=120) as http:
            yield Stage(http, where)


def cpu(process: subprocess.Popen[str]) -> float:
    """Seconds of CPU that a process has used so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(process: subprocess.Popen[str]) -> float:
    """The most memory that a process has held so far, in MB."""
    text = Path(f"/proc/{process.pid}/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else 0.0
