"""
Page times on the server: Email Settings, and the message list and its chart with many rows.

    python -m benchmarks.pages [--messages 1000000] [--rounds 50]

The rows are written into SQLite directly; then each page is asked for over HTTP, one after another,
beside `/healthz` of the same process, which needs one small query: the peer of the same run.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from letterhead.demo.stand import end, start_service
from letterhead.mail.portal import Ids

KEY = "a-platform-key-of-the-benchmark"
SLUG = "hart"
PAGES = {
    "healthz": "/healthz",
    "Email Settings": f"/portals/{SLUG}/email-settings",
    "messages, newest": f"/portals/{SLUG}/messages",
    "messages, failed": f"/portals/{SLUG}/messages?status=failed",
    "messages, none queued": f"/portals/{SLUG}/messages?status=queued",
    "messages, a day long ago": f"/portals/{SLUG}/messages?since=2026-01-05&until=2026-01-05",
    "messages, a rare word": f"/portals/{SLUG}/messages?q=needle",
    "held mail": f"/portals/{SLUG}/held",
    "history": f"/portals/{SLUG}/history",
}
MESSAGE = """
    INSERT INTO message (id, portal_id, class, created_at, subject, reply_to, metadata,
                         on_uncertain, header_id, size)
    VALUES (?, 1, 'business', ?, ?, '[]', '{}', 'resend', ?, 900)
"""
RECIPIENT = """
    INSERT INTO recipient (id, message_id, portal_id, lane, email, copy, status, due, expires,
                           attempts, dot_sent, settled_at)
    VALUES (?, ?, 1, 'live', ?, 0, ?, ?, ?, 1, 0, ?)
"""
TALLY = "INSERT INTO tally (portal_id, day, accepted, sent, failed) VALUES (1, ?, 1, 1, 0)"
UNSUMMED = 5_000  # counts of today that wait to be added up: half a minute of 170 commits a second
FAILED = 1000  # one in so many
START = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description="Page times on the server.")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=50)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="letterhead-bench-") as name:
        settings = {
            "LETTERHEAD_DATA_DIR": f"{name}/data",
            "LETTERHEAD_LISTEN": "127.0.0.1:0",
            "LETTERHEAD_BOOTSTRAP_PLATFORM_KEY": KEY,
            "LETTERHEAD_KEEP_MESSAGES": "0",
        }
        process, address = start_service(settings, Path(name) / "log")
        try:
            http = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {KEY}"})
            http.post("/v1/portals", json={"slug": SLUG, "name": "Hart & Co"}).raise_for_status()
            fill(Path(name) / "data" / "letterhead.db", chosen.messages)
            enter(http)
            show(measure(http, chosen.rounds), chosen.messages)
        finally:
            end(process)


def fill(file: Path, count: int) -> None:
    """Write messages of a year, each to one recipient, most of them sent."""
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.executemany(
            MESSAGE,
            (
                (key, at, f"Invoice {number}", f"<{key}@hart.example>")
                for number, key, at in rows(count)
            ),
        )
        database.executemany(
            RECIPIENT,
            (
                (f"{key[:-1]}f", key, f"client{number}@client.example", status(number), at, at, at)
                for number, key, at in rows(count)
            ),
        )
        today = int(time.time() / 86_400)
        days = [*range(today - 30, today), *[today] * UNSUMMED]
        database.executemany(TALLY, ((day,) for day in days))


def rows(count: int) -> Iterator[tuple[int, str, int]]:
    step = timedelta(days=320) / count
    for number in range(count):
        at = START + number * step
        yield number, f"{Ids.floor(at)}7{number:019x}", int(at.timestamp() * 1e6)


def status(number: int) -> str:
    return "sent" if number % FAILED else "failed"


def enter(http: httpx.Client) -> None:
    guest = {"email": "jo@hart.example", "role": "admin", "ttl": 3600}
    answer = http.post(f"/v1/portals/{SLUG}/sessions", json=guest)
    http.get(answer.json()["url"])


def measure(http: httpx.Client, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each page; the pages take turns, so that noise meets them all."""
    times: dict[str, list[float]] = {name: [] for name in PAGES}
    for _ in range(rounds):
        for name, path in PAGES.items():
            began = time.perf_counter()
            http.get(path, timeout=120).raise_for_status()
            times[name].append((time.perf_counter() - began) * 1000)
    return times


def show(times: dict[str, list[float]], messages: int) -> None:
    table = Table(title=f"{messages:,} messages, milliseconds")
    for column in ("page", "median", "p95", "ratio to healthz"):
        table.add_column(column, justify="left" if column == "page" else "right")
    peer = statistics.median(times["healthz"])
    for name, found in times.items():
        median = statistics.median(found)
        p95 = sorted(found)[int(len(found) * 0.95)]
        table.add_row(name, f"{median:.1f}", f"{p95:.1f}", f"{median / peer:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
