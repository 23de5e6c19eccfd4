"""What waits in all portals together, for whoever looks after the service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.letter import PLATFORM, Trouble
from letterhead.store.claims import QUEUED, SENDING
from letterhead.store.connections import trouble
from letterhead.store.held import HELD
from letterhead.store.tables import connection, portal, recipient

_PAUSED = 50  # connections that are named


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much mail waits, and behind what."""

    queued: int
    due: int  # of those, what could be sent now
    oldest: datetime | None  # since when the oldest of it could
    sending: int
    kept_back: int  # by people
    paused: Sequence[Row[Any]]  # connections, with the slug and name of their portals


class QueueRows:
    """The mail of every portal."""

    def __init__(self, reading: AsyncConnection) -> None:
        self._connection = reading

    async def waiting(self, now: datetime) -> Waiting:
        oldest = func.min(recipient.c.due)
        due = QUEUED & (recipient.c.due <= now)
        row = (await self._connection.execute(select(func.count(), oldest).where(due))).one()
        return Waiting(
            queued=await self._count(QUEUED),
            due=row[0],
            oldest=row[1],
            sending=await self._count(SENDING),
            kept_back=await self._count(HELD),
            paused=await self._paused(),
        )

    async def platform(self) -> tuple[Trouble | None, Mapping[str, Any] | None]:
        """What is wrong with the platform's route, and the server's reply."""
        found = await self._connection.run_sync(trouble, PLATFORM, 0)
        query = select(connection.c.reply).where(connection.c.id == PLATFORM)
        return found, await self._connection.scalar(query) if found else None

    async def try_platform(self, now: datetime) -> bool:
        """Let the platform's route be tried at once; False if nothing is wrong with it."""
        mine = connection.c.id == PLATFORM
        query = update(connection).where(mine).values(due=now)
        return (await self._connection.execute(query)).rowcount > 0

    async def _paused(self) -> Sequence[Row[Any]]:
        columns = connection.c
        live = (portal.c.id == columns.id) & (portal.c.live_version == columns.version)
        query = select(columns.since, columns.fault, portal.c.slug, portal.c.name)
        rows = query.join(portal, live).where(columns.paused, portal.c.closed_at.is_(None))
        rows = rows.order_by(columns.since).limit(_PAUSED)
        return list(await self._connection.execute(rows))

    async def _count(self, which: Any) -> int:  # noqa: ANN401 - a condition
        query = select(func.count()).select_from(recipient).where(which)
        return await self._connection.scalar(query) or 0
