"""How connections stand, and which way the mail of a lane takes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    delete,
    func,
    insert,
    select,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.letter import PLATFORM, Lane, LaneKey, Route, Trouble
from letterhead.mail.outcome import Stuck
from letterhead.mail.settings import DefaultSettings, Settings, Type
from letterhead.store.database import Database
from letterhead.store.outbox import QUEUED, reply_row
from letterhead.store.settings import settings_from
from letterhead.store.tables import connection, portal, recipient, settings, test


class Connections:
    """What delivery reads and writes of connections; fits `delivery.drain.Connections`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def route(self, lane: LaneKey) -> Route | None:
        """The way that a lane's mail takes now; None if the portal is gone."""
        portal_id, kind = lane
        async with self._database.read() as reading:
            row = await _way(reading, portal_id, kind)
            if row is None:
                return None
            route = _route(row, portal_id, kind)
            return replace(
                route, trouble=await trouble(reading, route.connection_id, route.version)
            )

    async def failed(self, route: Route, stuck: Stuck, now: datetime) -> Trouble:
        """Let a connection wait, longer each time; paused if a person must mend it."""
        paused = stuck.fault.pauses
        async with self._database.settle() as writing:
            before = await trouble(writing, route.connection_id, route.version)
            # A pause is not lifted by a fault that time would mend: the first one still stands.
            paused = paused or (before is not None and before.paused)
            failures = before.failures + 1 if before else 1
            found = Trouble(
                paused=paused,
                since=before.since if before and before.paused == paused else now,
                due=stuck.due(failures, now=now, paused=paused, key=str(route.connection_id)),
                failures=failures,
                fault=stuck.fault.code,
            )
            await _keep(writing, route, found, reply_row(stuck.answer))
        return found

    async def recovered(self, route: Route, now: datetime) -> None:
        """All is well again; the time that mail was held does not count as time of trying."""
        async with self._database.settle() as writing:
            if await trouble(writing, route.connection_id, route.version):
                await _lift(writing, route.connection_id, now)

    async def forget_platform(self, now: datetime) -> None:
        """Forget what was wrong with the platform's route: at a start it may be another."""
        async with self._database.settle() as writing:
            await _lift(writing, PLATFORM, now)

    async def finish_test(self, message_id: str, values: Mapping[str, Any]) -> None:
        """Write down what became of a test mail; one that was replaced meanwhile is left alone."""
        async with self._database.settle() as writing:
            query = update(test).where(test.c.message_id == message_id).values(values)
            await writing.execute(query)


class ConnectionRows:
    """How the connection of one portal's live settings stands."""

    def __init__(self, writing: AsyncConnection, portal_id: int) -> None:
        self._connection = writing
        self._portal_id = portal_id

    async def trouble(self) -> tuple[Trouble, Mapping[str, Any] | None] | None:
        """What is wrong, with the server's reply; None if all is well."""
        route = await self._route()
        found = await trouble(self._connection, route.connection_id, route.version)
        query = select(connection.c.reply).where(_is(route.connection_id))
        return (found, await self._connection.scalar(query)) if found else None

    async def held(self) -> int:
        """How many recipients wait behind a paused connection."""
        query = select(func.count()).select_from(recipient)
        mine = (recipient.c.portal_id == self._portal_id) & (recipient.c.lane == Lane.LIVE.value)
        return await self._connection.scalar(query.where(QUEUED, mine)) or 0

    async def try_again(self, now: datetime) -> bool:
        """
        Let the connection be tried at once: with one mail, and with all when that goes well.

        False if it is the platform's: that one is not a portal's to hurry.
        """
        route = await self._route()
        if route.connection_id == PLATFORM:
            return False
        await self._connection.execute(
            update(connection).where(_is(route.connection_id)).values(due=now)
        )
        return True

    async def forget(self, now: datetime) -> None:
        """Forget what was wrong with settings that are no longer live."""
        await _lift(self._connection, self._portal_id, now)

    async def _route(self) -> Route:
        row = await _way(self._connection, self._portal_id, Lane.LIVE)
        if row is None:
            raise LookupError("a portal is bound before it is asked")
        return _route(row, self._portal_id, Lane.LIVE)


async def trouble(reading: AsyncConnection, connection_id: int, version: int) -> Trouble | None:
    """How a connection stands; what was noted of other settings does not count."""
    columns = connection.c
    query = select(columns.paused, columns.since, columns.due, columns.failures, columns.fault)
    rows = await reading.execute(query.where(_is(connection_id), columns.version == version))
    row = rows.first()
    return Trouble(**row._mapping) if row else None  # noqa: SLF001 - SQLAlchemy's public API


async def _way(reading: AsyncConnection, portal_id: int, kind: Lane) -> Row[Any] | None:
    """The settings that a lane uses: the live ones, those under test, or the platform's."""
    live, upcoming = portal.c.live_version, portal.c.next_version
    version = func.coalesce(upcoming, live) if kind is Lane.TEST else live
    columns = settings.c
    joined = (columns.portal_id == portal.c.id) & (columns.version == version)
    rows = await reading.execute(
        select(portal.c.name, columns.version, columns.type, columns.fields)
        .add_columns(columns.sealed_password)
        .select_from(portal)
        .outerjoin(settings, joined)
        .where(portal.c.id == portal_id)
    )
    return rows.first()


def _route(row: Row[Any], portal_id: int, kind: Lane) -> Route:
    found = settings_from(row.type, row.fields) if row.type else DefaultSettings()
    own = found.type is Type.SMTP and kind is not Lane.SYSTEM
    return Route(
        connection_id=portal_id if own else PLATFORM,
        version=row.version if own else 0,
        portal_id=portal_id,
        portal_name=row.name,
        settings=found if own else _default(found),
        sealed_password=row.sealed_password if own else None,
        trouble=None,
    )


def _default(live: Settings) -> DefaultSettings:
    """Who the platform's route speaks for: as the portal set it, else as the settings name it."""
    if isinstance(live, DefaultSettings):
        return live
    return DefaultSettings(from_name=live.from_name, reply_to=live.from_address)


async def _lift(writing: AsyncConnection, connection_id: int, now: datetime) -> None:
    """Forget a trouble, if there is one; the time that mail was held is no time of trying."""
    found = delete(connection).where(_is(connection_id))
    rows = await writing.execute(found.returning(connection.c.paused, connection.c.since))
    before = rows.first()
    if before is None or not before.paused:
        return
    pause = round((now - before.since).total_seconds() * 1_000_000)
    later = type_coerce(recipient.c.expires, BigInteger) + pause  # see tables.Moment
    await writing.execute(
        update(recipient).where(QUEUED, _waits_behind(connection_id)).values(expires=later)
    )


async def _keep(
    writing: AsyncConnection, route: Route, found: Trouble, reply: Mapping[str, Any] | None
) -> None:
    await writing.execute(delete(connection).where(_is(route.connection_id)))
    await writing.execute(
        insert(connection).values(
            id=route.connection_id,
            version=route.version,
            paused=found.paused,
            since=found.since,
            due=found.due,
            failures=found.failures,
            fault=found.fault,
            reply=reply,
        )
    )


def _is(connection_id: int) -> ColumnElement[bool]:
    return connection.c.id == connection_id


def _waits_behind(connection_id: int) -> ColumnElement[bool]:
    """The recipients whose mail takes a connection: a portal's own, or the platform's."""
    if connection_id != PLATFORM:
        return (recipient.c.portal_id == connection_id) & (recipient.c.lane == Lane.LIVE.value)
    smtp = select(portal.c.id).join(
        settings,
        (settings.c.portal_id == portal.c.id) & (settings.c.version == portal.c.live_version),
    )
    others = smtp.where(settings.c.type == Type.SMTP.value)
    return (recipient.c.lane == Lane.SYSTEM.value) | recipient.c.portal_id.not_in(others)
