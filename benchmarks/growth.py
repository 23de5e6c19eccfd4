"""
What a message costs with few and with many others that wait.

    make bench-growth                                     SQLite, and PostgreSQL if it is there
    python -m benchmarks.growth --few 10000 --many 1000000 --rounds 30

Claims of 100 with their bodies, and outcomes in one transaction, on a database that holds so many
messages that wait (due), or that are scheduled for later beside a few that are due.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from tests.servers import postgresql

from letterhead.mail.letter import Lane
from letterhead.mail.outcome import Sent, Status
from letterhead.mail.reply import Reply, Stage
from letterhead.mail.secret import Secret
from letterhead.store.database import Database
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.tables import microseconds
from letterhead.store.vault import Vault

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = timedelta(days=30)
BATCH = 100
TAKEN = Reply(Stage.MESSAGE, 250, "2.0.0 Queued")
KEY = Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")

# One statement a table, the same on both; only the padding of a number is said differently.
PADDED = {"sqlite": "printf('%032d', {0})", "postgresql": "lpad(({0})::text, 32, '0')"}
NUMBERS = (
    "WITH RECURSIVE numbers(n) AS"
    " (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :end)"
)
MESSAGES = """
    INSERT INTO message (id, portal_id, class, created_at, subject, reply_to, metadata,
                         on_uncertain, header_id, size)
    {numbers} SELECT {id}, 1, 'business', :at, 'Invoice', '[]', '{{}}', 'resend', '<1@a.test>', 900
    FROM numbers
"""
BODIES = "INSERT INTO body (message_id, content) {numbers} SELECT {id}, :content FROM numbers"
RECIPIENTS = """
    INSERT INTO recipient (id, message_id, portal_id, lane, email, copy, status, due, expires,
                           attempts, dot_sent)
    {numbers} SELECT {id}, {id}, 1, 'live', 'anna@client.test', :no, 'queued', :due + n, :expires,
                     0, :no
    FROM numbers
"""


async def measured(url: str, waiting: int, scheduled: int, rounds: int) -> float:
    """Milliseconds a message, the median of so many batches."""
    database = Database(url)
    await database.migrate()
    async with Store(database, Vault(lambda: [KEY])).platform() as rows:
        await rows.add_portal("hart", "Hart & Co", NOW)
    await fill(database, 0, waiting, NOW - timedelta(days=1))
    await fill(database, waiting, scheduled, NOW + LATER)
    await analysed(database)
    times = [await batch(Outbox(database), f"lease {number}") for number in range(rounds)]
    await database.close()
    return statistics.median(times[rounds // 5 :]) * 1000 / BATCH


async def batch(outbox: Outbox, lease: str) -> float:
    began = time.perf_counter()
    until = NOW + timedelta(minutes=1)
    claims = await outbox.claim((1, Lane.LIVE), (lease, until), limit=BATCH, now=NOW)
    await outbox.contents([each.message_id for each in claims])
    await outbox.settle([(each, Sent(TAKEN, Status.SENT), NOW) for each in claims])
    await outbox.lanes_due(NOW)
    await outbox.free(NOW)
    await outbox.expire(NOW)
    assert len(claims) == BATCH
    return time.perf_counter() - began


async def fill(database: Database, first: int, number: int, due: datetime) -> None:
    """Write so many messages that wait for one portal."""
    kind = "sqlite" if database.url.startswith("sqlite") else "postgresql"
    values = {
        "first": first,
        "end": first + number,
        "at": microseconds(NOW),
        "due": microseconds(due),
        "expires": microseconds(NOW + 2 * LATER),
        "content": b"Subject: Invoice\r\n\r\n" + b"x" * 900,
        "no": False,
    }
    async with database.settle() as writing:
        for statement in (MESSAGES, BODIES, RECIPIENTS) if number else ():
            ready = text(statement.format(numbers=NUMBERS, id=PADDED[kind].format("n")))
            await writing.execute(ready, {each: values[each] for each in ready._bindparams})  # noqa: SLF001


async def analysed(database: Database) -> None:
    async with database.settle() as writing:
        await writing.execute(text("ANALYZE"))


@contextmanager
def databases() -> Iterator[Mapping[str, Iterator[str]]]:
    """New databases without end, of each kind that there is."""
    with TemporaryDirectory(prefix="letterhead-growth-") as name:
        folder = Path(name)
        found = {"SQLite": (f"sqlite:///{folder}/{number}.db" for number in count())}
        if not postgresql._folder():  # noqa: SLF001 - whether it is installed
            yield found
            return
        (folder / "postgresql").mkdir()
        folder.chmod(0o755)
        server = postgresql.start(folder / "postgresql", quick=False)
        try:
            yield {**found, "PostgreSQL": (server.made() for _ in count())}
        finally:
            server.end()


def show(rows: Sequence[tuple[str, str, float, float]], few: int, many: int) -> None:
    table = Table(title=f"milliseconds a message: {few:,} and {many:,} others")
    for column in ("database", "others", f"{few:,}", f"{many:,}", "ratio"):
        table.add_column(column, justify="left" if column in {"database", "others"} else "right")
    for kind, what, small, large in rows:
        table.add_row(kind, what, f"{small:.3f}", f"{large:.3f}", f"{large / small:.2f}")
    Console().print(table)


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=30)
    asked = parser.parse_args()
    own = asked.rounds * BATCH
    rows = []
    with databases() as found:
        for kind, urls in found.items():
            for what in ("waiting", "scheduled"):
                sizes = [(asked.few, 0), (asked.many, 0)]
                if what == "scheduled":
                    sizes = [(own, each) for each, _ in sizes]
                costs = [
                    asyncio.run(measured(next(urls), *each, rounds=asked.rounds)) for each in sizes
                ]
                rows.append((kind, what, costs[0], costs[1]))
    show(rows, asked.few, asked.many)


if __name__ == "__main__":
    main()
