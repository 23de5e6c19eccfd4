"""How many mails of a portal were accepted, sent and failed on each day (in UTC)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.store.tables import tally

ACCEPTED, SENT, FAILED = "accepted", "sent", "failed"

_WHAT = (ACCEPTED, SENT, FAILED)
_AT_ONCE = 200  # days of portals that are put together in one transaction
_EPOCH = date(1970, 1, 1)

Happened = tuple[int, datetime, str]  # to a recipient of a portal, when, and what


@dataclass(frozen=True, slots=True)
class Day:
    """What happened to a portal's mails on one day."""

    day: date
    accepted: int = 0
    sent: int = 0
    failed: int = 0


def count(writing: Connection, happened: Iterable[Happened]) -> None:
    """
    Note what happened, in the transaction in which it happens.

    Each transaction adds rows of its own, so that none waits for another; `put_together` makes one
    of them later.
    """
    found = Counter((portal_id, number(at), what) for portal_id, at, what in happened)
    days = {(portal_id, day) for portal_id, day, _ in found}
    if days:
        rows = [
            {"portal_id": of, "day": day, **{each: found[of, day, each] for each in _WHAT}}
            for of, day in sorted(days)
        ]
        writing.execute(insert(tally), rows)


def put_together(writing: Connection, before: datetime) -> int:
    """Make one row of each day's, and forget days `before`; says how many rows went."""
    columns = tally.c
    gone = writing.execute(delete(tally).where(columns.day < number(before))).rowcount
    many = select(columns.portal_id, columns.day).group_by(columns.portal_id, columns.day)
    for row in writing.execute(many.having(func.count() > 1).limit(_AT_ONCE)).all():
        gone += _one_row(writing, row.portal_id, row.day)
    return gone


def _one_row(writing: Connection, portal_id: int, day: int) -> int:
    mine = (tally.c.portal_id == portal_id) & (tally.c.day == day)
    counts = [tally.c[each] for each in _WHAT]
    rows = writing.execute(delete(tally).where(mine).returning(*counts)).all()
    sums = {each: sum(getattr(row, each) for row in rows) for each in _WHAT}
    writing.execute(insert(tally).values(portal_id=portal_id, day=day, **sums))
    return len(rows) - 1


class TallyRows:
    """The counts of one portal."""

    def __init__(self, connection: AsyncConnection, portal_id: int) -> None:
        self._connection = connection
        self._portal_id = portal_id

    async def note(self, happened: Sequence[tuple[datetime, str]]) -> None:
        """Note what a person decided."""
        rows = [(self._portal_id, at, what) for at, what in happened]
        await self._connection.run_sync(count, rows)

    async def days(self, until: datetime, *, many: int) -> Sequence[Day]:
        """The last days, the oldest first, those of which there is nothing to tell as well."""
        last = number(until)
        sums = [func.sum(tally.c[each]).label(each) for each in _WHAT]
        query = (
            select(tally.c.day, *sums)
            .where(tally.c.portal_id == self._portal_id, tally.c.day > last - many)
            .group_by(tally.c.day)
        )
        found = {row.day: row for row in await self._connection.execute(query)}
        return [
            Day(_EPOCH + timedelta(each), *(int(getattr(found[each], what)) for what in _WHAT))
            if each in found
            else Day(_EPOCH + timedelta(each))
            for each in range(last - many + 1, last + 1)
        ]


def number(at: datetime) -> int:
    """The day of a time in UTC, counted from 1970."""
    return (at.astimezone(UTC).date() - _EPOCH).days
