"""A portal with a store, whose lanes are worked on when the test says so."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from letterhead.delivery.drain import Drain
from letterhead.delivery.rehearsal import Rehearsal
from letterhead.delivery.seats import OwnSeats
from letterhead.delivery.settling import Settler
from letterhead.delivery.standing import Standing
from letterhead.mail.letter import Lane, Letter, Route, Trouble
from letterhead.mail.limits import Limits
from letterhead.mail.message import MessageClass
from letterhead.mail.portal import Ids, Portal
from letterhead.mail.sender import Platform
from letterhead.mail.settings import KeepPassword, SmtpSettings
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.vault import Vault
from letterhead.transports.base import Transport
from tests.store.conftest import KEY, NOW, letter_of

DESK = Platform("Desk", "no-reply@desk.test")


@dataclass(frozen=True, slots=True)
class OneWay:
    """The way out, whatever the route is."""

    way: Transport

    async def of(self, route: Route) -> Transport:
        return self.way

    async def rest(self, connection_id: int) -> None:
        await self.way.close()

    def fresh(self, route: Route) -> Transport:
        return self.way


@dataclass(frozen=True, slots=True)
class Left:
    """How everything stands after a burst."""

    trouble: Trouble | None
    recipients: list[Any]

    def __getattr__(self, name: str) -> list[Any]:
        return [getattr(each, name) for each in self.recipients]


@dataclass(slots=True)
class Office:
    """A portal with a store of its own, that sends by one server; time is what the test says."""

    database: Database
    store: Store
    portal: Portal
    way: Transport
    now: datetime = NOW
    ids: Ids = field(default_factory=Ids)

    async def keep(
        self, count: int, message_class: MessageClass = MessageClass.BUSINESS, **changes: object
    ) -> Letter:
        made = letter_of(self.portal, self.ids, count, message_class=message_class, **changes)
        async with self.store.portal(self.portal) as desk:
            await desk.letters.add(made)
        return made

    async def drain(self, lane: Lane) -> None:
        settler = Settler(Outbox(self.database))
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            settling = tasks.create_task(settler.run())
            await self.drains(settler)((self.portal.id, lane))
            settling.cancel()

    def drains(self, settler: Settler) -> Drain:
        """Who works on its lanes."""
        connections, ways = Connections(self.database), OneWay(self.way)
        return Drain(
            outbox=Outbox(self.database),
            connections=connections,
            ways=ways,
            standing=Standing(connections, ways, lambda: self.now),
            settler=settler,
            seats=OwnSeats(),
            rehearsal=Rehearsal(ways, connections, settler, platform=DESK, clock=lambda: self.now),
            platform=DESK,
            limits=Limits(connections=8),
            clock=lambda: self.now,
        )

    async def left(self, letter: Letter) -> Left:
        route = await Connections(self.database).route((self.portal.id, letter.lane), self.now)
        async with self.store.look(self.portal) as desk:
            found = await desk.messages.get(letter.id)
        assert route is not None
        assert found is not None
        return Left(route.trouble, list(found.recipients))


async def opened(
    database: Database, way: Transport, *, provider: str = "other", slug: str = "hart"
) -> Office:
    """An office of a portal whose settings name a provider."""
    store = Store(database, Vault(lambda: [KEY]))
    async with store.platform() as rows:
        portal = await rows.add_portal(slug, "Hart & Co", NOW)
    async with store.portal(portal) as desk:
        draft = SmtpSettings(provider=provider, server="localhost", from_address="office@hart.test")
        version = await desk.settings.save(draft, KeepPassword(), NOW)
        await desk.settings.go_live(version, NOW)
    return Office(database, store, portal, way)
