"""Turns to send by an account whose rate is shared: one row each, which all workers see."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from letterhead.store.database import Database
from letterhead.store.dialect import insert_new
from letterhead.store.tables import turn


class Turns:
    """Gives turns to whoever asks, one after the other; fits `transports.aws.Share`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def take(self, account: str, seconds: float) -> float:
        """Have the next `seconds` of an account for oneself; says in how many they begin."""
        work = partial(_take, account=account, length=timedelta(seconds=seconds), now=self._clock())
        return await self._database.settling(work)


def _take(writing: Connection, *, account: str, length: timedelta, now: datetime) -> float:
    mine = turn.c.account == account
    writing.execute(insert_new(writing.dialect, turn), {"account": account, "free": now})
    free = writing.scalar(select(turn.c.free).where(mine).with_for_update())
    begins = max(free or now, now)
    writing.execute(update(turn).where(mine).values(free=begins + length))
    return (begins - now).total_seconds()
