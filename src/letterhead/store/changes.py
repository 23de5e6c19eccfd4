"""The history of a portal: who changed what, kept in the transaction that changed it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.change import Change, Differences
from letterhead.store import news
from letterhead.store.tables import change


class ChangeRows:
    """The history of one portal, as `by` goes on writing it."""

    def __init__(self, connection: AsyncConnection, portal_id: int, by: str) -> None:
        self._connection = connection
        self._portal_id = portal_id
        self.by = by

    async def note(
        self,
        what: Change,
        now: datetime,
        details: Differences | None = None,
        *,
        also: Sequence[str] = (),
    ) -> None:
        """Note what is being done; where people are told of it, those of `also` are, too."""
        row = {"portal_id": self._portal_id, "at": now, "who": self.by, "what": what.name.lower()}
        query = insert(change).values(**row, details=dict(details or {})).returning(change.c.id)
        number = await self._connection.scalar(query)
        if what.is_told:
            known = int(number or 0)
            await news.changed(self._connection, self._portal_id, known, also=also, at=now)

    async def was(self, what: Change, since: datetime) -> bool:
        """Whether something was done since a time."""
        mine = (change.c.portal_id == self._portal_id) & (change.c.what == what.name.lower())
        query = select(exists().where(mine, change.c.at >= since))
        return bool(await self._connection.scalar(query))

    async def find(self, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
        """The newest first."""
        query = select(change).where(change.c.portal_id == self._portal_id)
        if before is not None:
            query = query.where(change.c.id < before)
        rows = await self._connection.execute(query.order_by(change.c.id.desc()).limit(limit))
        return rows.all()
