"""A portal's held mail: what waits behind its paused connection, or is kept back by a person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    func,
    insert,
    literal_column,
    select,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.event import EventKind
from letterhead.mail.letter import Lane
from letterhead.mail.outcome import Status
from letterhead.store import webhooks
from letterhead.store.claims import QUEUED
from letterhead.store.tables import event, message, microseconds, recipient

# Written out, not bound: only so does the planner see that the partial index fits.
HELD = recipient.c.status == literal_column("'held'")


class HeldRows:
    """`paused` says whether what is queued is held, too; see `ConnectionRows.paused_since`."""

    def __init__(self, connection: AsyncConnection, portal_id: int) -> None:
        self._connection = connection
        self._portal_id = portal_id

    async def count(self, *, paused: bool) -> int:
        query = select(func.count()).select_from(recipient).where(self._held(paused=paused))
        return await self._connection.scalar(query) or 0

    async def anything(self, *, paused: bool) -> bool:
        query = select(recipient.c.id).where(self._held(paused=paused)).limit(1)
        return await self._connection.scalar(query) is not None

    async def find(self, *, paused: bool, after: str, limit: int) -> Sequence[Row[Any]]:
        """The oldest first, from behind the recipient `after`."""
        query = (
            select(recipient, message.c.subject, message.c.created_at)
            .join_from(recipient, message, recipient.c.message_id == message.c.id)
            .where(self._held(paused=paused), recipient.c.id > after)
            .order_by(recipient.c.id)
            .limit(limit)
        )
        return (await self._connection.execute(query)).all()

    async def keep_back(self, since: datetime) -> None:
        """Keep back all that waits, so that a connection that is mended does not take it."""
        await self._connection.execute(
            update(recipient)
            .where(QUEUED, self._mine())
            .values(status=Status.HELD.value, held_at=since)
        )

    async def release(self, limit: int | None, now: datetime) -> int:
        """Let the oldest of what is kept back wait for its turn; held time is no time of trying."""
        columns = recipient.c
        chosen = select(columns.id).where(HELD, self._mine()).order_by(columns.due, columns.id)
        held = microseconds(now) - type_coerce(columns.held_at, BigInteger)
        released = await self._connection.execute(
            update(recipient)
            .where(columns.id.in_(chosen.limit(limit)))
            .values(
                status=Status.QUEUED.value,
                expires=type_coerce(columns.expires, BigInteger) + held,
                held_at=None,
            )
        )
        return released.rowcount

    async def discard(self, limit: int, now: datetime, *, paused: bool) -> int:
        """Cancel the oldest of what is held."""
        columns = recipient.c
        chosen = select(columns.id).where(self._held(paused=paused))
        query = (
            update(recipient)
            .where(columns.id.in_(chosen.order_by(columns.id).limit(limit)))
            .values(status=Status.CANCELLED.value, held_at=None, settled_at=now)
            .returning(columns.id, columns.message_id, columns.portal_id)
        )
        rows = (await self._connection.execute(query)).all()
        shared = {"kind": EventKind.CANCELLED.value, "at": now}
        if rows:
            events = [{"message_id": each.message_id, "recipient_id": each.id} for each in rows]
            await self._connection.execute(insert(event), [{**each, **shared} for each in events])
            told = [webhooks.of_row(each, **shared) for each in rows]
            await self._connection.run_sync(webhooks.note, told)
        return len(rows)

    def _held(self, *, paused: bool) -> ColumnElement[bool]:
        return self._mine() & (HELD | QUEUED if paused else HELD)

    def _mine(self) -> ColumnElement[bool]:
        columns = recipient.c
        return (columns.portal_id == self._portal_id) & (columns.lane == Lane.LIVE.value)
