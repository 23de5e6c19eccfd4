"""
Accept durably and relay: messages through `POST /v1/messages/batch` to a small upstream.

    make bench                                  three runs, medians
    python -m benchmarks.relay --profile        one run, and where the service's time goes
    python -m benchmarks.relay --postgresql     the same on a private PostgreSQL that flushes
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from rich.console import Console
from rich.table import Table
from tests.servers import postgresql

from benchmarks.stage import Stage, cpu, memory, stage
from letterhead.store.database import Database

BATCH = 500
SIZE = 5_000  # octets of a text

# Parts of the work, by a function that is on the stack; the first that fits counts.
_PARTS = {
    "store: accepting (insert and flush)": "add (letterhead/store/letters",
    "store: settling outcomes": "(letterhead/store/settling",
    "store: claiming, reading bodies": "(letterhead/store/outbox",
    "store: begin, commit, connections": "_in_thread.<locals>.whole",
    "store: the rest": "aiosqlite",
    "API: reading JSON": "parse (letterhead/api/body",
    "API: rules of a message": "_checked (letterhead/api/accept",
    "API: making the bytes": "Intake._letter (",
    "API: the rest": "uvicorn/",
    "SMTP session": "(letterhead/transports/",
    "delivery: drain, settle, judge": "(letterhead/delivery/",
}
_WAITING = ("thread.py:81", "_connection_worker_thread", "Condition.wait", "Runner.run")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to."""

    accepted_per_second: float
    relayed_per_second: float
    cpu_ms: float  # of the service, a message
    upstream_ms: float  # of the upstream, a message
    memory_mb: float


def measure(on: Stage, messages: int) -> Run:
    """Hand in so many messages as fast as they are taken, and wait until the last has arrived."""
    bodies = [_batch(at) for at in range(messages // BATCH)]
    with on.stand.journal.open("rb") as journal:
        journal.read()
        return _measured(on, messages, bodies, journal)


def _measured(on: Stage, messages: int, bodies: list[bytes], journal: BinaryIO) -> Run:
    headers = {"content-type": "application/json"}
    used, used_upstream, began = cpu(on.stand.service), cpu(on.stand.upstream), time.perf_counter()
    for body in bodies:
        answer = on.http.post("/messages/batch", content=body, headers=headers)
        if not answer.is_success:
            sys.exit(f"not accepted: {answer.text}")
    accepted = time.perf_counter() - began
    arrived = 0
    while arrived < messages:
        time.sleep(0.01)
        arrived += journal.read().count(b"\n")
    relayed = time.perf_counter() - began
    return Run(
        messages / accepted,
        messages / relayed,
        1000 * (cpu(on.stand.service) - used) / messages,
        1000 * (cpu(on.stand.upstream) - used_upstream) / messages,
        memory(on.stand.service),
    )


def _batch(number: int) -> bytes:
    text = ("Dear client, please find your invoice in the portal. " * 120)[:SIZE]
    messages = [
        {
            "to": [{"email": f"client{number}-{at}@client.example", "name": "A client"}],
            "subject": f"Invoice {number}-{at}",
            "text": "\n".join(text[start : start + 70] for start in range(0, SIZE, 70)),
        }
        for at in range(BATCH)
    ]
    return json.dumps({"messages": messages}).encode()


def show(runs: list[Run], messages: int) -> None:
    """Print the medians of all runs, with the least and the most: machines are noisy."""
    table = Table(title=f"{messages:,} messages of {SIZE // 1000} KB, {len(runs)} runs")
    table.add_column("figure")
    for name in ("median", "least", "most"):
        table.add_column(name, justify="right")
    for name, field, form in (
        ("accepted durably, messages/s", "accepted_per_second", ",.0f"),
        ("accepted and relayed, messages/s", "relayed_per_second", ",.0f"),
        ("CPU of the service, ms a message", "cpu_ms", ".3f"),
        ("CPU of the upstream, ms a message", "upstream_ms", ".3f"),
        ("memory of the service at most, MB", "memory_mb", ",.0f"),
    ):
        values = [getattr(each, field) for each in runs]
        row = (statistics.median(values), min(values), max(values))
        table.add_row(name, *(format(each, form) for each in row))
    Console().print(table)
    Console().print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")


def profiled(messages: int) -> None:
    """Sample the service while it works, and print where its time goes, part by part."""
    with stage() as on:
        measure(on, BATCH)
        samples = on.stand.mailbox / "samples"
        spy = str(Path(sys.executable).with_name("py-spy"))
        command = [spy, "record", "--pid", str(on.stand.service.pid), "--rate", "200"]
        options = ["--format", "raw", "--duration", "3600", "--output", str(samples)]
        with subprocess.Popen(  # noqa: S603 - our own
            [*command, *options], stdout=subprocess.DEVNULL
        ) as watching:
            measure(on, messages)
            watching.send_signal(signal.SIGINT)
        shares = _shares(samples.read_text("utf-8").splitlines())
    table = Table(title="Where the time of the service goes (all threads, samples at work)")
    table.add_column("part")
    table.add_column("share", justify="right")
    for part, count in shares.most_common():
        table.add_row(part, f"{100 * count / shares.total():.0f} %")
    Console().print(table)


def _shares(stacks: Iterable[str]) -> Counter[str]:
    shares: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        if not any(each in stack.rpartition(";")[2] for each in _WAITING):
            part = next((name for name, sign in _PARTS.items() if sign in stack), "event loop")
            shares[part] += int(count)
    return shares


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    if asked.profile:
        profiled(asked.messages)
        return
    with databases(wanted=asked.postgresql) as made:
        show([_run(url, asked.messages) for url in islice(made, asked.runs)], asked.messages)


def _run(database_url: str, messages: int) -> Run:
    with stage(database_url) as on:
        measure(on, BATCH)  # warm
        return measure(on, messages)


@contextmanager
def databases(*, wanted: bool) -> Iterator[Iterator[str]]:
    """A new database a run, of a server that flushes; without one, SQLite in a folder that goes."""
    if not wanted:
        yield repeat("")
        return
    with TemporaryDirectory(prefix="letterhead-postgresql-") as folder:
        server = postgresql.start(Path(folder), quick=False)
        try:
            yield (_migrated(server.made()) for _ in repeat(None))
        finally:
            server.end()


def _migrated(url: str) -> str:
    async def migrate() -> None:
        database = Database(url)
        await database.migrate()
        await database.close()

    asyncio.run(migrate())
    return url


if __name__ == "__main__":
    main()
