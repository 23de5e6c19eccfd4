"""A portal that leaves: all that is kept of it as rows for somebody else, and its end."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, exists, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.outcome import Status
from letterhead.mail.portal import Portal
from letterhead.store import tables
from letterhead.store.claims import SENDING
from letterhead.store.database import Database
from letterhead.store.tables import gone_portal, message, metadata, portal, recipient

# What came in while the door was being closed, and outcomes that were on their way.
GRACE = timedelta(minutes=1)

_AT_ONCE = 500  # messages in one transaction: others must get their turn
_WAITING = [Status.QUEUED.value, Status.HELD.value, Status.SENDING.value]

# Of each table what leaves with a portal, and the columns that stay here: they open something.
EXPORTED: Mapping[str, frozenset[str]] = {
    "settings": frozenset({"sealed_password"}),
    "proven_domain": frozenset(),
    "identity": frozenset({"payer"}),
    "person": frozenset(),
    "key": frozenset({"digest"}),
    "suppression": frozenset(),
    "webhook": frozenset({"sealed_secret"}),
    "change": frozenset(),
    "tally_day": frozenset(),
    "tally": frozenset(),
    "message": frozenset({"request_digest"}),
    "recipient": frozenset({"lease", "lease_until", "dot_sent"}),
    "event": frozenset(),
}
# Links, codes, sessions, tests, what is still to be told (to receivers, too), and bodies.
KEPT_BACK = frozenset({"session", "ticket", "test", "domain_code", "news", "body", "webhook_call"})

_ALONE = [each for each in EXPORTED if each not in {"message", "recipient", "event"}]


async def rows_of(database: Database, of: Portal) -> AsyncIterator[str]:
    """Everything that is kept of a portal, as lines of JSON with the name of their `table`."""
    yield _line("portal", {"slug": of.slug, "name": of.name, "created_at": of.created_at})
    for name in _ALONE:
        table = metadata.tables[name]
        async with database.read() as reading:
            found = await _rows(reading, table, table.c.portal_id == of.id)
        for row in found:
            yield _line(name, row)
    after = ""
    while True:
        async with database.read() as reading:
            mine = (message.c.portal_id == of.id) & (message.c.id > after)
            messages = await _rows(reading, message, mine, limit=_AT_ONCE)
            ids = [each["id"] for each in messages]
            parts = {
                each.name: await _rows(reading, each, each.c.message_id.in_(ids))
                for each in (recipient, tables.event)
            }
        for name, found in {"message": messages, **parts}.items():
            for row in found:
                yield _line(name, row)
        if len(ids) < _AT_ONCE:
            return
        after = ids[-1]


class LeavingRows:
    """Closes the door behind one portal, within a transaction."""

    def __init__(self, connection: AsyncConnection, portal_id: int) -> None:
        self._connection = connection
        self._portal_id = portal_id

    async def waiting(self) -> int:
        """How many mails wait, are held or are on the wire."""
        mine = (recipient.c.portal_id == self._portal_id) & recipient.c.status.in_(_WAITING)
        query = select(func.count()).select_from(recipient).where(mine)
        return await self._connection.scalar(query) or 0

    async def close(self, of: Portal, *, by: str, waiting: int, now: datetime) -> bool:
        """
        From now on nobody finds the portal; its short name is free, and its people are out.

        False if it was closed already.
        """
        open_ = (portal.c.id == of.id) & portal.c.closed_at.is_(None)
        values = {"slug": f"~{of.id}", "closed_at": now}
        closed = await self._connection.execute(update(portal).where(open_).values(values))
        if not closed.rowcount:
            return False
        for name in ("session", "ticket", "person", "key", "webhook_call", "webhook"):
            table = metadata.tables[name]
            await self._connection.execute(delete(table).where(table.c.portal_id == of.id))
        row = {"slug": of.slug, "name": of.name, "created_at": of.created_at, "closed_at": now}
        await self._connection.execute(insert(gone_portal).values(**row, who=by, waiting=waiting))
        return True


class Leaving:
    """Removes what is left of closed portals, part by part; fits `delivery.leaving.Rows`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def closed(self) -> Sequence[int]:
        """The portals that nobody finds any more."""
        async with self._database.read() as reading:
            query = select(portal.c.id).where(portal.c.closed_at.is_not(None))
            return list(await reading.scalars(query))

    async def remove(self, portal_id: int, now: datetime) -> int:
        """Remove some messages, and in the end the portal; says how many messages went."""
        return await self._database.settling(
            lambda writing: remove_some(writing, portal_id, now - GRACE)
        )


def remove_some(writing: Connection, portal_id: int, before: datetime) -> int:
    """
    Remove some messages of a closed portal, and it with the last if it was closed `before`.

    Says how many messages went. Who else removes the same portal waits for its row.
    """
    writing.execute(select(portal.c.id).where(portal.c.id == portal_id).with_for_update())
    on_the_wire = exists().where(SENDING, recipient.c.message_id == message.c.id)
    mine = (message.c.portal_id == portal_id) & ~on_the_wire
    ids = list(writing.scalars(select(message.c.id).where(mine).limit(_AT_ONCE)))
    for table in reversed(metadata.sorted_tables):
        if "message_id" in table.c and "portal_id" not in table.c:
            writing.execute(delete(table).where(table.c.message_id.in_(ids)))
    writing.execute(delete(recipient).where(recipient.c.message_id.in_(ids)))
    writing.execute(delete(message).where(message.c.id.in_(ids)))
    rest = exists().where(message.c.portal_id == portal_id)
    over = select(portal.c.id).where(portal.c.id == portal_id, portal.c.closed_at <= before, ~rest)
    if writing.scalar(over) is not None:
        remove_portal(writing, portal_id)
    return len(ids)


def remove_portal(writing: Connection, portal_id: int) -> None:
    """Remove all that a portal without messages has left."""
    for table in reversed(metadata.sorted_tables):
        if "portal_id" in table.c:
            writing.execute(delete(table).where(table.c.portal_id == portal_id))
    for table in (tables.connection, tables.allowance):
        writing.execute(delete(table).where(table.c.id == portal_id))
    writing.execute(delete(portal).where(portal.c.id == portal_id))


async def _rows(
    reading: AsyncConnection, table: Table, where: ColumnElement[bool], limit: int | None = None
) -> Sequence[Mapping[str, Any]]:
    """Rows in the order of their key, with the names that the database gives its columns."""
    columns = [each for each in table.c if each.name not in EXPORTED[table.name]]
    query = select(*columns).where(where).order_by(*table.primary_key.columns).limit(limit)
    names = [each.name for each in columns]
    found: Sequence[Row[Any]] = (await reading.execute(query)).all()
    return [dict(zip(names, row, strict=True)) for row in found]


def _line(table: str, row: Mapping[str, Any]) -> str:
    return json.dumps({"table": table, **row}, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    raise TypeError(f"There is no JSON for {type(value).__name__}.")
