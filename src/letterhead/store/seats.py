"""Which worker may have how many of a connection's sessions open; all of them see the same rows."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from letterhead.mail.limits import Allowance
from letterhead.store import allowances
from letterhead.store.database import Database
from letterhead.store.tables import seats


class SeatRows:
    """The seats of one worker, and what others have; fits `delivery.shared_seats.Rows`."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker

    async def take(self, under: Allowance, now: datetime, until: datetime) -> int:
        """
        Take the seats of a connection that nobody else has; says how many are ours.

        Where others are short of them, no more than a fair share; never fewer than before, since
        they may be in use.
        """
        work = partial(_take, worker=self._worker, under=under, now=now, until=until)
        return await self._database.settling(work)

    async def keep(
        self, now: datetime, until: datetime, short: Collection[int]
    ) -> Mapping[int, int]:
        """
        Keep what is ours, and say of which connections we are short.

        Of each connection that others are short of, gives how many workers share it.
        """
        work = partial(_keep, worker=self._worker, now=now, until=until, short=short)
        return await self._database.settling(work)

    async def give_back(self, connection_id: int, count: int) -> None:
        """Have `count` seats of a connection from now on."""
        work = partial(_set, worker=self._worker, connection_id=connection_id, count=count)
        await self._database.settling(work)


def _take(
    writing: Connection, under: Allowance, *, worker: str, now: datetime, until: datetime
) -> int:
    allowances.locked(writing, under, now)
    rows = _rows(writing, under.connection_id, now)
    mine, was_short = rows.pop(worker, (0, False))
    free = max(under.limits.connections - sum(taken for taken, _ in rows.values()), 0)
    share = max(under.limits.connections // (len(rows) + 1), mine)
    count = min(free, share) if any(short for _, short in rows.values()) else free
    gone = (seats.c.worker == worker) | (seats.c.until <= now)
    writing.execute(delete(seats).where(seats.c.connection_id == under.connection_id, gone))
    row = {"connection_id": under.connection_id, "worker": worker, "count": count, "until": until}
    writing.execute(insert(seats), {**row, "short": was_short or not count})
    return count


def _rows(writing: Connection, connection_id: int, now: datetime) -> dict[str, tuple[int, bool]]:
    """How many seats each worker has, and whether that is too few."""
    columns = seats.c
    query = select(columns.worker, columns["count"], columns.short)
    valid = (columns.connection_id == connection_id, columns.until > now)
    found = writing.execute(query.where(*valid))
    return {worker: (taken, short) for worker, taken, short in found}


def _keep(
    writing: Connection, *, worker: str, now: datetime, until: datetime, short: Collection[int]
) -> Mapping[int, int]:
    columns = seats.c
    said = {"until": until, "short": columns.connection_id.in_(short)}
    writing.execute(update(seats).where(columns.worker == worker).values(said))
    mine = select(columns.connection_id).where(columns.worker == worker)
    others_short = case((columns.short & (columns.worker != worker), 1), else_=0)
    shared = (
        select(columns.connection_id, func.count().label("workers"))
        .where(columns.connection_id.in_(mine), columns.until > now)
        .group_by(columns.connection_id)
        .having(func.max(others_short) == 1)
    )
    return {row.connection_id: row.workers for row in writing.execute(shared)}


def _set(writing: Connection, worker: str, connection_id: int, count: int) -> None:
    mine = (seats.c.worker == worker) & (seats.c.connection_id == connection_id)
    if count:
        writing.execute(update(seats).where(mine).values(count=count))
    else:
        writing.execute(delete(seats).where(mine))
