"""How connections stand: what is wrong with one, since when, and who waits behind it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    bindparam,
    delete,
    select,
    type_coerce,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead import failpoints
from letterhead.mail import retry
from letterhead.mail.letter import PLATFORM, Lane, LaneKey, Route, Trouble
from letterhead.mail.outcome import Stuck
from letterhead.mail.said import kept
from letterhead.mail.settings import Type
from letterhead.store import news
from letterhead.store.claims import QUEUED
from letterhead.store.database import Database
from letterhead.store.dialect import insert_new
from letterhead.store.prepared import Prepared
from letterhead.store.routes import route_of, way
from letterhead.store.settling import reply_row
from letterhead.store.tables import connection, microseconds, portal, recipient, settings, test

_TROUBLE = Prepared(
    select(*(connection.c[each] for each in ("paused", "since", "due", "failures", "fault"))).where(
        connection.c.id == bindparam("_id"), connection.c.version == bindparam("_version")
    )
)


class Connections:
    """What delivery reads and writes of connections; fits `delivery.drain.Connections`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def route(self, lane: LaneKey, now: datetime) -> Route | None:
        """
        The way that a lane's mail takes now; None if the portal is gone.

        While its connection is paused, mail takes the platform's route if the portal wants it so;
        each time that the connection may be tried again, the next mail is the probe.
        """
        return await self._database.reading(partial(route, lane=lane, now=now))

    async def failed(self, route: Route, stuck: Stuck, now: datetime) -> Trouble:
        """Let a connection wait, longer each time; paused if a person must mend it."""
        async with self._database.settle() as writing:
            counts = await _is_live(writing, route)
            before = await writing.run_sync(trouble, route.connection_id, route.version)
            if before and _is_known(before, route, stuck):
                return before
            found = _worse(before, route, stuck, now)
            if counts:
                await _keep(writing, route, found, reply_row(stuck.answer))
            if counts and found.paused and not (before and before.paused):
                await news.paused(writing, route.connection_id, stuck, now)
            failpoints.reach("troubled")
        return found

    async def recovered(self, route: Route, now: datetime) -> None:
        """All is well again; the time that mail was held does not count as time of trying."""
        async with self._database.settle() as writing:
            if await writing.run_sync(trouble, route.connection_id, route.version):
                await _lift(writing, route.connection_id, now)
            failpoints.reach("troubled")

    async def forget_platform(self, now: datetime) -> None:
        """Forget what was wrong with the platform's route: at a start it may be another."""
        async with self._database.settle() as writing:
            await _lift(writing, PLATFORM, now)

    async def finish_test(self, message_id: str, values: Mapping[str, Any]) -> None:
        """Write down what became of a test mail; one that was replaced meanwhile is left alone."""
        async with self._database.settle() as writing:
            query = update(test).where(test.c.message_id == message_id).values(kept(values))
            await writing.execute(query)


class ConnectionRows:
    """How the connection of one portal's live settings stands."""

    def __init__(self, writing: AsyncConnection, portal_id: int) -> None:
        self._connection = writing
        self._portal_id = portal_id

    async def trouble(self) -> tuple[Trouble, Mapping[str, Any] | None] | None:
        """What is wrong, with the server's reply; None if all is well."""
        route = await self._route()
        found = await self._connection.run_sync(trouble, route.connection_id, route.version)
        query = select(connection.c.reply).where(_is(route.connection_id))
        return (found, await self._connection.scalar(query)) if found else None

    async def paused_since(self) -> datetime | None:
        """Since when mail waits behind the connection; None if it flows, this way or another."""
        found = await self.trouble()
        if found is None or not found[0].paused or await self.falls_back():
            return None
        return found[0].since

    async def falls_back(self) -> bool:
        """Whether mail takes the platform's route while the connection is paused."""
        query = select(portal.c.fallback).where(portal.c.id == self._portal_id)
        return bool(await self._connection.scalar(query))

    async def fall_back(self, *, enabled: bool) -> None:
        query = update(portal).where(portal.c.id == self._portal_id)
        await self._connection.execute(query.values(fallback=enabled))

    async def try_again(self, now: datetime) -> bool:
        """
        Let the connection be tried at once: with one mail, and with all when that goes well.

        One that signs in was perhaps tried for a person a moment ago: then it waits a little, or
        its account may lock. False if it is the platform's: that one is not a portal's to hurry.
        """
        route = await self._route()
        if route.connection_id == PLATFORM:
            return False
        mine, columns = _is(route.connection_id), connection.c
        last = await self._connection.scalar(select(columns.resumed_at).where(mine))
        due = retry.by_a_person(last if route.signs_in else None, now=now)
        await self._connection.execute(
            update(connection).where(mine, columns.due > due).values(due=due, resumed_at=due)
        )
        return True

    async def forget(self, now: datetime) -> None:
        """Forget what was wrong with settings that are no longer live."""
        await _lift(self._connection, self._portal_id, now)

    async def _route(self) -> Route:
        row = await self._connection.run_sync(way, self._portal_id, Lane.LIVE)
        if row is None:
            raise LookupError("a portal is bound before it is asked")
        return route_of(row, self._portal_id, Lane.LIVE)


def trouble(reading: Connection, connection_id: int, version: int) -> Trouble | None:
    """How a connection stands; what was noted of other settings does not count."""
    row = _TROUBLE.first(reading, {"_id": connection_id, "_version": version})
    return Trouble(**row._asdict()) if row else None


def route(reading: Connection, lane: LaneKey, now: datetime) -> Route | None:
    """The way that a lane's mail takes now, as `Connections.route` says."""
    row = way(reading, *lane)
    if row is None:
        return None
    found = _with_trouble(reading, route_of(row, *lane))
    if lane[1] is Lane.LIVE and row.fallback and _rests(found.trouble, now):
        return _with_trouble(reading, route_of(row, *lane, falls_back=True))
    return found


def _with_trouble(reading: Connection, found: Route) -> Route:
    return replace(found, trouble=trouble(reading, found.connection_id, found.version))


def _rests(found: Trouble | None, now: datetime) -> bool:
    return found is not None and found.paused and found.due > now


def _is_known(before: Trouble, route: Route, stuck: Stuck) -> bool:
    """Whether another burst has failed since this one began, so that it says nothing new."""
    seen = route.trouble.failures if route.trouble else 0
    return before.failures > seen and (before.paused or not stuck.fault.pauses)


async def _is_live(writing: AsyncConnection, route: Route) -> bool:
    """
    Whether mail still takes a route; what failed with settings of yesterday says nothing.

    The row is locked: of bursts that fail at the same time, one after the other writes it down.
    """
    if route.connection_id == PLATFORM:
        return True
    query = select(portal.c.live_version).where(portal.c.id == route.connection_id)
    live = await writing.scalar(query.with_for_update(key_share=True))
    return live == route.version


def _worse(before: Trouble | None, route: Route, stuck: Stuck, now: datetime) -> Trouble:
    """What is wrong after one more failure; a fault that time would mend lifts no pause."""
    paused = stuck.fault.pauses or (before is not None and before.paused)
    failures = before.failures + 1 if before else 1
    return Trouble(
        paused=paused,
        since=before.since if before and before.paused == paused else now,
        due=stuck.due(failures, now=now, paused=paused, key=str(route.connection_id)),
        failures=failures,
        fault=stuck.fault.code,
    )


async def _lift(writing: AsyncConnection, connection_id: int, now: datetime) -> None:
    """Forget a trouble, if there is one; the time that mail was held is no time of trying."""
    found = delete(connection).where(_is(connection_id))
    rows = await writing.execute(found.returning(connection.c.paused, connection.c.since))
    before = rows.first()
    if before is None or not before.paused:
        return
    pause = microseconds(now) - microseconds(before.since)
    later = type_coerce(recipient.c.expires, BigInteger) + pause
    await writing.execute(
        update(recipient).where(QUEUED, _waits_behind(connection_id)).values(expires=later)
    )
    await news.recovered(writing, connection_id, now)


async def _keep(
    writing: AsyncConnection, route: Route, found: Trouble, reply: Mapping[str, Any] | None
) -> None:
    mine, columns = _is(route.connection_id), connection.c
    same = columns.version == route.version
    resumed = await writing.scalar(select(columns.resumed_at).where(mine, same))
    await writing.execute(delete(connection).where(mine))
    await writing.execute(
        insert_new(writing.dialect, connection).values(
            id=route.connection_id,
            version=route.version,
            paused=found.paused,
            since=found.since,
            due=found.due,
            resumed_at=resumed,
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
    own = select(portal.c.id).join(
        settings,
        (settings.c.portal_id == portal.c.id) & (settings.c.version == portal.c.live_version),
    )
    others = own.where(settings.c.type != Type.DEFAULT.value)
    return (recipient.c.lane == Lane.SYSTEM.value) | recipient.c.portal_id.not_in(others)
