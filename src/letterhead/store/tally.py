"""How many mails of a portal were accepted, sent and failed on each day (in UTC)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.store.dialect import insert_new
from letterhead.store.prepared import Many
from letterhead.store.tables import tally, tally_day

ACCEPTED, SENT, FAILED = "accepted", "sent", "failed"

_WHAT = (ACCEPTED, SENT, FAILED)
_NOTHING = dict.fromkeys(_WHAT, 0)
_AT_ONCE = 2000  # rows in one transaction: others must get their turn
_EPOCH = date(1970, 1, 1)

Happened = tuple[int, datetime, str]  # to a recipient of a portal, when, and what

_NOTE = Many(insert(tally))
_ADD = (
    update(tally_day)
    .where(tally_day.c.portal_id == bindparam("_portal_id"), tally_day.c.day == bindparam("_day"))
    .values({each: tally_day.c[each] + bindparam(f"_{each}") for each in _WHAT})
)


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

    Each transaction adds rows of its own, so that none waits for another; `add_up` adds them to
    their days later.
    """
    found = Counter((portal_id, number(at), what) for portal_id, at, what in happened)
    days = {(portal_id, day) for portal_id, day, _ in found}
    if days:
        rows = [
            {"portal_id": of, "day": day, **{each: found[of, day, each] for each in _WHAT}}
            for of, day in sorted(days)
        ]
        _NOTE.run(writing, rows)


def add_up(writing: Connection) -> bool:
    """Add some of what was noted to its days; says whether much is left."""
    columns = tally.c
    some = select(columns.id).order_by(columns.id).limit(_AT_ONCE)
    ready = some.with_for_update(skip_locked=True).cte("ready")
    taken = delete(tally).where(columns.id.in_(select(ready.c.id))).returning(*columns)
    rows = writing.execute(taken).all()
    sums: Counter[tuple[int, int, str]] = Counter()
    for row in rows:
        sums.update({(row.portal_id, row.day, each): getattr(row, each) for each in _WHAT})
    days = sorted({(of, day) for of, day, _ in sums})
    if days:
        keys = [{"portal_id": of, "day": day, **_NOTHING} for of, day in days]
        writing.execute(insert_new(writing.dialect, tally_day), keys)
        more = [{f"_{each}": sums[of, day, each] for each in _WHAT} for of, day in days]
        named = [{"_portal_id": of, "_day": day} for of, day in days]
        writing.execute(_ADD, [{**key, **row} for key, row in zip(named, more, strict=True)])
    return len(rows) == _AT_ONCE


def forget(writing: Connection, before: datetime) -> int:
    """Forget the days before a time; says how many."""
    return writing.execute(delete(tally_day).where(tally_day.c.day < number(before))).rowcount


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
        found: dict[int, Counter[str]] = {}
        for table in (tally_day, tally):
            for row in await self._connection.execute(self._sums(table, last - many)):
                counts = {each: int(getattr(row, each)) for each in _WHAT}
                found.setdefault(row.day, Counter()).update(counts)
        return [
            Day(_EPOCH + timedelta(each), **found.get(each, Counter()))
            for each in range(last - many + 1, last + 1)
        ]

    def _sums(self, table: Table, after: int) -> Select[tuple[Any, ...]]:
        columns = table.c
        sums = [func.sum(columns[each]).label(each) for each in _WHAT]
        mine = (columns.portal_id == self._portal_id) & (columns.day > after)
        return select(columns.day, *sums).where(mine).group_by(columns.day)


def number(at: datetime) -> int:
    """The day of a time in UTC, counted from 1970."""
    return (at.astimezone(UTC).date() - _EPOCH).days
