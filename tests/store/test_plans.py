"""No query of the hot path looks at every row: what it asks is caught, and its plan is read."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import Connection, Engine

from letterhead.mail import faults
from letterhead.mail.letter import Lane
from letterhead.mail.limits import Allowance, Limits
from letterhead.mail.outcome import Deferred, Outcome, Returned, Sent, Status
from letterhead.mail.portal import Portal
from letterhead.store.committer import Committer
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from tests.store.conftest import NOW, MakeLetter
from tests.store.test_outbox import BUSY, LEASE, TAKEN

MANY = 20_000  # rows; with fewer PostgreSQL rightly looks at them all
LARGE = "recipient|message|body|event|suppression"  # tables that grow with the mail
# The index of what is being sent holds nothing else: a look at all of it is a look at little.
EVERY_ROW = re.compile(
    rf"Seq Scan on ({LARGE})|SCAN ({LARGE})\b(?! USING INDEX ix_recipient_leased)"
)

Asked = tuple[str, Any]


@contextmanager
def caught(database: Database) -> Iterator[list[Asked]]:
    """Every statement that the store says meanwhile, with its values."""
    asked: list[Asked] = []

    def note(_c: Any, _u: Any, statement: str, values: Any, _x: Any, many: bool) -> None:  # noqa: FBT001
        asked.append((statement, values[0] if many else values))

    engines: Sequence[Engine] = [
        *database._thread_engines.values(),
        *(each.sync_engine for each in database._engines.values()),
    ]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield asked
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def test_no_query_of_the_hot_path_looks_at_every_row(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    await fill(database)
    committer, outbox = Committer(database), Outbox(database)

    with caught(database) as asked:
        made = letter(4, idempotency_key="invoice-1", request_digest="one")
        await committer._write([made])
        await outbox.lanes_due(NOW)
        await outbox.due_among([(portal.id, Lane.LIVE)], NOW)
        await Connections(database).route((portal.id, Lane.LIVE), NOW)
        under = Allowance(portal.id, 0, Limits(connections=3, per_minute=30))
        claims = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=3, now=NOW, under=under)
        await outbox.contents([each.message_id for each in claims])
        await outbox.renew(LEASE[0], NOW)
        await outbox.mark_dot(claims[0])
        outcomes: Sequence[Outcome] = (
            Sent(TAKEN, Status.SENT),
            Deferred(BUSY, faults.of(BUSY), NOW),
            Returned(),
        )
        await outbox.settle(
            [(claim, how, NOW) for claim, how in zip(claims, outcomes, strict=True)]
        )
        await outbox.free(NOW + timedelta(hours=1))
        await outbox.expire(NOW)

    verbs = ("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")
    plans = {
        statement: await database.settling(explained(statement, values))
        for statement, values in asked
        if statement.lstrip().startswith(verbs) and "set_config" not in statement
    }
    assert len(plans) >= 18
    assert {each: plan for each, plan in plans.items() if EVERY_ROW.search(plan)} == {}


def explained(statement: str, values: Any) -> Any:
    """How the database goes about it."""

    def work(connection: Connection) -> str:
        words = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        rows = connection.exec_driver_sql(f"{words} {statement}", values)
        return "\n".join(str(row[-1]) for row in rows)

    return work


async def fill(database: Database) -> None:
    """Write so many messages of a year, most of them sent, and look at how they are spread."""
    async with database.settle() as writing:
        padded = {
            "sqlite": "printf('%032d', n)",
            "postgresql": "lpad(n::text, 32, '0')",
        }[writing.dialect.name]
        for statement in ROWS:
            await writing.execute(text(statement.format(numbers=NUMBERS, id=padded)), {"no": False})
        await writing.execute(text("ANALYZE"))


NUMBERS = (
    f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})"  # noqa: S608 - ours
)
ROWS = (
    """INSERT INTO message (id, portal_id, class, created_at, subject, reply_to, metadata,
                            on_uncertain, header_id, size)
       {numbers} SELECT {id}, 1, 'business', n, 'Invoice', '[]', '{{}}', 'resend', '<1@a.test>', 9
       FROM numbers""",
    "INSERT INTO body (message_id, content) {numbers} SELECT {id}, '' FROM numbers",
    """INSERT INTO recipient (id, message_id, portal_id, lane, email, copy, status, due, expires,
                              attempts, dot_sent, lease_until)
       {numbers} SELECT {id}, {id}, 1, 'live', 'anna@client.test', :no,
                        CASE n % 100 WHEN 0 THEN 'queued' WHEN 1 THEN 'sending' ELSE 'sent' END,
                        n, 9000000000000000, 1, :no, 9000000000000000
       FROM numbers""",
    """INSERT INTO event (message_id, recipient_id, kind, at)
       {numbers} SELECT {id}, {id}, 'deferred', n FROM numbers""",
    """INSERT INTO suppression (portal_id, email, reason, at)
       {numbers} SELECT 1, {id}, 'bounce', n FROM numbers""",
)
