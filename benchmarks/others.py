"""Messages and portals that are there beside those that are measured: rows by the million."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import text

from letterhead.store.database import Database
from letterhead.store.tables import microseconds

NOW = datetime(2026, 3, 1, tzinfo=UTC)

_AT_ONCE = 100_000  # rows in one transaction
_DAY, _YEAR = timedelta(days=1), timedelta(days=365)
_BODIES = 20_000  # of a history: those that are older have been forgotten
CONTENT = b"Subject: Invoice\r\n\r\n" + b"x" * 900

# Only an id is said differently: the time in milliseconds, and a number.
_ID = {
    "sqlite": "printf('%012x%020d', :began + n * :step, n)",
    "postgresql": "lpad(to_hex(:began + n * :step), 12, '0') || lpad(n::text, 20, '0')",
}
_NUMBERS = (
    "WITH RECURSIVE numbers(n) AS"
    " (SELECT CAST(:first AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :end)"
)
_MESSAGES = """
    INSERT INTO message (id, portal_id, class, created_at, subject, reply_to, metadata,
                         on_uncertain, header_id, size)
    {numbers} SELECT {id}, 1, 'business', (:began + n * :step) * 1000, 'Invoice', '[]', '{{}}',
                     'resend', '<1@a.test>', 900 FROM numbers
"""
_BODY = """
    INSERT INTO body (message_id, content)
    {numbers} SELECT {id}, :content FROM numbers WHERE n >= :bodies
"""
_RECIPIENTS = """
    INSERT INTO recipient (id, message_id, portal_id, lane, email, copy, status, due, expires,
                           attempts, dot_sent, settled_at)
    {numbers} SELECT {id}, {id}, 1, 'live', 'anna@client.test', :no, '{status}', :due + n, :expires,
                     0, :no, {settled} FROM numbers
"""
_EVENTS = """
    INSERT INTO event (message_id, recipient_id, kind, at)
    {numbers} SELECT {id}, {id}, 'delivered', (:began + n * :step) * 1000 FROM numbers
"""
_PORTALS = (
    """INSERT INTO portal (id, slug, name, created_at, live_version, last_version)
       {numbers} SELECT n + 2, {id}, 'Hart & Co', 1, 1, 1 FROM numbers""",
    """INSERT INTO settings (portal_id, version, type, fields, saved_at)
       {numbers} SELECT n + 2, 1, 'default', '{{}}', 1 FROM numbers""",
    """INSERT INTO key (id, portal_id, name, scopes, digest, created_at)
       {numbers} SELECT n + 2, n + 2, 'shop', '[]', {id}, 1 FROM numbers""",
    "INSERT INTO allowance (id, version, due) {numbers} SELECT n + 2, 1, 1 FROM numbers",
)
_SPREAD = "UPDATE recipient SET portal_id = 2 + CAST(substr(id, 13) AS INTEGER)"

Fill = Callable[[Database, int], Any]


@dataclass(frozen=True, slots=True)
class Mails:
    """What so many messages of one portal have in common."""

    began: datetime  # when the first was accepted; the others followed until `NOW`
    due: datetime
    status: str = "queued"

    @property
    def is_over(self) -> bool:
        return self.status != "queued"

    @property
    def statements(self) -> tuple[str, ...]:
        return (_MESSAGES, _BODY, _RECIPIENTS, *((_EVENTS,) if self.is_over else ()))

    def values(self, count: int) -> dict[str, Any]:
        began = int(self.began.timestamp() * 1000)
        return {
            "began": began,
            "step": max((int(NOW.timestamp() * 1000) - began) // count, 1),
            "due": microseconds(self.due),
            "expires": microseconds(NOW + _YEAR),
            "bodies": count - _BODIES if self.is_over else 0,
            "content": CONTENT,
            "no": False,
        }


async def mails(database: Database, count: int, *, kind: Mails) -> None:
    """Write so many messages of portal 1."""
    await _write(database, kind.statements, count, kind)


async def portals(database: Database, count: int) -> None:
    """Write so many more portals, each with one message that is scheduled."""
    await _write(database, _PORTALS, count, SCHEDULED)
    await mails(database, count, kind=SCHEDULED)
    async with database.settle() as writing:
        await writing.execute(text(_SPREAD))


async def rest(database: Database) -> None:
    """Let PostgreSQL tidy up what it would tidy up by itself within the next minutes."""
    if database.shared:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")


async def _write(database: Database, statements: Sequence[str], count: int, kind: Mails) -> None:
    words = {
        "numbers": _NUMBERS,
        "id": _ID["postgresql" if database.shared else "sqlite"],
        "status": kind.status,
        "settled": "(:began + n * :step) * 1000" if kind.is_over else "NULL",
    }
    values = kind.values(count)
    for first in range(0, count, _AT_ONCE):
        part = {**values, "first": first, "end": min(first + _AT_ONCE, count)}
        async with database.settle() as writing:
            for each in statements:
                await writing.execute(text(each.format_map(words)), part)


WAITING = Mails(began=NOW - _DAY, due=NOW - _DAY)
SCHEDULED = Mails(began=NOW - _DAY, due=NOW + 30 * _DAY)
SETTLED = Mails(began=NOW - _YEAR, due=NOW - _YEAR, status="sent")
