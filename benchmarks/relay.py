"""
Accept durably and relay: messages through `POST /v1/messages/batch` to a small upstream.

    make bench                                  three runs, medians
    python -m benchmarks.relay --profile        one run, and where the service's time goes
"""

import argparse
import json
import os
import pstats
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from rich.console import Console
from rich.table import Table

from benchmarks.stage import Stage, cpu, memory, stage

BATCH = 500
SIZE = 5_000  # octets of a text


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
    with on.journal.open("rb") as journal:
        journal.read()
        return _measured(on, messages, bodies, journal)


def _measured(on: Stage, messages: int, bodies: list[bytes], journal: BinaryIO) -> Run:
    headers = {"content-type": "application/json"}
    used, used_upstream, began = cpu(on.service), cpu(on.upstream), time.perf_counter()
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
        1000 * (cpu(on.service) - used) / messages,
        1000 * (cpu(on.upstream) - used_upstream) / messages,
        memory(on.service),
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
    """Print the medians of all runs."""
    table = Table(title=f"{messages:,} messages of {SIZE // 1000} KB, median of {len(runs)} runs")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, field, form in (
        ("accepted durably, messages/s", "accepted_per_second", ",.0f"),
        ("accepted and relayed, messages/s", "relayed_per_second", ",.0f"),
        ("CPU of the service, ms a message", "cpu_ms", ".3f"),
        ("CPU of the upstream, ms a message", "upstream_ms", ".3f"),
        ("memory of the service at most, MB", "memory_mb", ",.0f"),
    ):
        median = statistics.median(getattr(each, field) for each in runs)
        table.add_row(name, format(median, form))
    Console().print(table)
    Console().print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")


def profiled(messages: int) -> None:
    """Run the service under cProfile, and print where its time goes, package by package."""
    with TemporaryDirectory() as name:
        written = Path(name) / "profile"
        command = ("-m", "cProfile", "-o", str(written), "-m", "letterhead", "serve")
        with stage(command) as on:
            measure(on, messages)
        stats = pstats.Stats(str(written))
    shares: Counter[str] = Counter()
    for (file, _, function), (_, _, own, *_) in stats.stats.items():  # type: ignore[attr-defined]
        shares[_part(file, function)] += own
    whole = sum(shares.values())
    table = Table(title="Where the service's time goes (cProfile, own time)")
    table.add_column("part")
    table.add_column("share", justify="right")
    for part, seconds in shares.most_common(22):
        table.add_row(part, f"{100 * seconds / whole:.1f} %")
    Console().print(table)


def _part(file: str, function: str) -> str:
    if "site-packages/" in file:
        return file.split("site-packages/")[1].split("/", maxsplit=1)[0].removesuffix(".py")
    if "/letterhead/" in file:
        return "letterhead." + file.split("/letterhead/")[1].removesuffix(".py").replace("/", ".")
    return f"C: {function}" if file == "~" else "the standard library"


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    if asked.profile:
        profiled(asked.messages)
        return
    runs: list[Run] = []
    for _ in range(asked.runs):
        with stage() as on:
            measure(on, BATCH)  # warm
            runs.append(measure(on, asked.messages))
    show(runs, asked.messages)


if __name__ == "__main__":
    main()
