"""Which worker may have how many of a connection's sessions open; all of them see the same rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection

from letterhead.mail.limits import Allowance
from letterhead.store import allowances
from letterhead.store.database import Database
from letterhead.store.tables import seats


class SeatRows:
    """The seats of one worker, and what others have; fits `delivery.seats.Rows`."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker

    async def take(self, under: Allowance, now: datetime, until: datetime) -> int:
        """
        Take the seats of a connection that nobody else has; says how many are ours.

        Where none is left, our row of none says that we wait for some.
        """
        work = partial(_take, worker=self._worker, under=under, now=now, until=until)
        return await self._database.settling(work)

    async def keep(self, now: datetime, until: datetime) -> Mapping[int, int]:
        """Keep what is ours; of each connection that others wait for, how many workers share it."""
        work = partial(_keep, worker=self._worker, now=now, until=until)
        return await self._database.settling(work)

    async def give_back(self, connection_id: int, count: int) -> None:
        """Have `count` seats of a connection from now on."""
        work = partial(_set, worker=self._worker, connection_id=connection_id, count=count)
        await self._database.settling(work)


def _take(
    writing: Connection, under: Allowance, *, worker: str, now: datetime, until: datetime
) -> int:
    allowances.locked(writing, under, now)
    others = _others(writing, under.connection_id, worker, now)
    free = max(under.limits.connections - sum(others), 0)
    share = _share(under.limits.connections, len(others) + 1)
    count = min(free, share) if 0 in others else free
    gone = (seats.c.worker == worker) | (seats.c.until <= now)
    writing.execute(delete(seats).where(seats.c.connection_id == under.connection_id, gone))
    row = {"connection_id": under.connection_id, "worker": worker, "count": count, "until": until}
    writing.execute(insert(seats), row)
    return count


def _share(connections: int, workers: int) -> int:
    return max(connections // workers, 1)


def _others(writing: Connection, connection_id: int, worker: str, now: datetime) -> Sequence[int]:
    query = select(seats.c.count).where(
        seats.c.connection_id == connection_id, seats.c.worker != worker, seats.c.until > now
    )
    return list(writing.scalars(query))


def _keep(writing: Connection, worker: str, now: datetime, until: datetime) -> Mapping[int, int]:
    writing.execute(update(seats).where(seats.c.worker == worker).values(until=until))
    mine = select(seats.c.connection_id).where(seats.c.worker == worker, seats.c.count > 0)
    wanted = (
        select(seats.c.connection_id, func.count().label("workers"))
        .where(seats.c.connection_id.in_(mine), seats.c.until > now)
        .group_by(seats.c.connection_id)
        .having(func.min(seats.c.count) == 0)
    )
    return {row.connection_id: row.workers for row in writing.execute(wanted)}


def _set(writing: Connection, worker: str, connection_id: int, count: int) -> None:
    mine = (seats.c.worker == worker) & (seats.c.connection_id == connection_id)
    if count:
        writing.execute(update(seats).where(mine).values(count=count))
    else:
        writing.execute(delete(seats).where(mine))
