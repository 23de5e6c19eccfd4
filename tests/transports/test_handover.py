"""Mail that is accepted goes to the wire without anybody looking for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from letterhead.delivery.drain import Drain
from letterhead.delivery.handover import Handover
from letterhead.delivery.lanes import Lanes
from letterhead.delivery.settling import Settler
from letterhead.mail.letter import LaneKey, Letter
from letterhead.mail.message import MessageClass
from letterhead.store.committer import Committer
from letterhead.store.database import Database
from letterhead.store.outbox import Outbox
from tests.servers.scripted import Scripted
from tests.store.conftest import letter_of
from tests.transports import office
from tests.transports.conftest import MakeWay
from tests.transports.office import Office


class Counter:
    """A door with a drain behind it; notes which lanes somebody had to look at."""

    def __init__(self, of: Office) -> None:
        self._office = of
        self._settler = Settler(Outbox(of.database))
        self._lanes = Lanes()
        self.drain: Drain = of.drains(self._settler)
        self._committer = Committer(of.database, hands=Handover(self._lanes, self.drain))
        self.looked_at: list[LaneKey] = []

    async def accept(self, count: int = 1) -> Letter:
        made = letter_of(
            self._office.portal, self._office.ids, count, message_class=MessageClass.BUSINESS
        )
        await self._committer.add([made])
        return made

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """At work; all that was begun is done at the end."""
        async with self._committer.at_work(), asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            at_work = self._settler.run(), self._lanes.run(self._look)
            running = [tasks.create_task(each) for each in at_work]
            await asyncio.sleep(0)
            yield
            await self._lanes.idle(10)
            for each in running:
                each.cancel()

    async def _look(self, lane: LaneKey) -> bool:
        self.looked_at.append(lane)
        return await self.drain(lane)


@pytest.fixture
async def counter(database: Database, way: MakeWay) -> Counter:
    return Counter(await office.opened(database, way()))


async def test_nobody_looks_for_what_was_just_accepted(counter: Counter, server: Scripted) -> None:
    async with counter.open():
        letter = await counter.accept(2)

    assert [each.recipient for each in server.taken] == [each.email for each in letter.addressees]
    assert counter.looked_at == []


async def test_more_than_a_few_go_on_as_usual(counter: Counter, server: Scripted) -> None:
    async with counter.open():
        letter = await counter.accept(60)

    assert sorted(each.recipient for each in server.taken) == sorted(
        each.email for each in letter.addressees
    )
    assert counter.looked_at == []  # the same burst claims the rest


async def test_what_comes_meanwhile_is_looked_for_afterwards(
    counter: Counter, server: Scripted
) -> None:
    async with counter.open():
        letters = await asyncio.gather(*(counter.accept() for _ in range(9)))
        letters += await asyncio.gather(*(counter.accept() for _ in range(9)))
        while len(server.taken) < len(letters):  # noqa: ASYNC110 - a test's patience
            await asyncio.sleep(0.01)

    assert sorted(each.recipient for each in server.taken) == sorted(
        to.email for letter in letters for to in letter.addressees
    )


async def test_whoever_takes_leave_begins_nothing(counter: Counter, server: Scripted) -> None:
    async with counter.open():
        counter.drain.stopping.set()
        await counter.accept()

    assert server.taken == []
