"""What is forgotten after its time: bodies first, whole messages later."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, delete, func, literal_column, select
from sqlalchemy.engine import Connection

from letterhead.mail.outcome import Status
from letterhead.mail.portal import Ids
from letterhead.store import leftovers, tally
from letterhead.store.database import Database
from letterhead.store.tables import body, event, message, recipient

AT_ONCE = 500  # messages in one transaction: others must get their turn

_OPEN = [each.value for each in Status if each.is_open]


class History:
    """Forgets, a part at a time; fits `delivery.prune.History`."""

    def __init__(self, database: Database, *, at_once: int = AT_ONCE) -> None:
        self._database = database
        self._at_once = at_once

    async def forget_bodies(self, before: datetime) -> int:
        """Forget bodies of messages whose last outcome is older; says how many."""
        return await self._part(_bodies, before)

    async def forget_counts(self, before: datetime) -> int:
        """Forget the counts of older days; says of how many."""
        return await self._database.settling(partial(tally.forget, before=before))

    async def add_up(self) -> bool:
        """Add some of what was counted to its days; says whether much is left."""
        return await self._database.settling(tally.add_up)

    async def forget_messages(self, before: datetime) -> int:
        """Forget messages whose last outcome is older, with all that belongs to them."""
        return await self._part(_messages, before)

    async def tidy(self, _before: datetime) -> int:
        """Remove segments of which little is needed; says how many."""
        return await leftovers.remove(self._database)

    async def _part(self, forget: Callable[..., int], before: datetime) -> int:
        work = partial(forget, before=before, at_once=self._at_once)
        return await self._database.settling(work)


def _bodies(writing: Connection, before: datetime, at_once: int) -> int:
    column = body.c.message_id
    found = select(column).where(column < Ids.floor(before), _is_over(column, before))
    ids = list(writing.scalars(found.order_by(column).limit(at_once)))
    writing.execute(delete(body).where(column.in_(ids)))
    return len(ids)


def _messages(writing: Connection, before: datetime, at_once: int) -> int:
    column = message.c.id
    found = select(column).where(column < Ids.floor(before), _is_over(column, before))
    ids = list(writing.scalars(found.order_by(column).limit(at_once)))
    for table in (event, recipient, body):
        writing.execute(delete(table).where(table.c.message_id.in_(ids)))
    writing.execute(delete(message).where(column.in_(ids)))
    return len(ids)


def _is_over(message_id: ColumnElement[str], before: datetime) -> ColumnElement[bool]:
    """
    Whether nobody waits for a message any more, and its last outcome is older.

    Each message is asked by itself. PostgreSQL answers a NOT EXISTS, of some messages together, by
    a look at all recipients from the first one on; and it takes `= 0` for rare, so that it would
    look at all messages, but `< 1` for usual.
    """
    waits = recipient.c.status.in_([literal_column(f"'{each}'") for each in _OPEN])
    fresh = recipient.c.settled_at >= before
    query = select(func.count()).where(recipient.c.message_id == message_id, waits | fresh)
    return query.scalar_subquery() < 1
