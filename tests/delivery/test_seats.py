"""Seats: no more sessions than a connection allows, here and over all workers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from letterhead.delivery import shared_seats
from letterhead.delivery.seats import OwnSeats, Seats
from letterhead.delivery.shared_seats import SharedSeats
from letterhead.mail.limits import Allowance, Limits
from letterhead.store.database import Database
from letterhead.store.seats import SeatRows

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HART = Allowance(1, 1, Limits(connections=3))
ONE = Allowance(2, 1, Limits(connections=1))


async def test_who_finds_no_seat_waits_in_line() -> None:
    found, order = Seats(1), list[int]()

    async def sit(number: int) -> None:
        async with found.one():
            assert found.used == 1
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(sit(number) for number in range(5)))

    assert order == [0, 1, 2, 3, 4]


async def test_who_comes_again_at_once_overtakes_nobody() -> None:
    found, order = Seats(1), list[str]()

    async def sit(name: str, times: int) -> None:
        for _ in range(times):
            async with found.one():
                order.append(name)
                await asyncio.sleep(0)

    await asyncio.gather(sit("many", 5), sit("one", 1))

    assert order[:2] == ["many", "one"]


async def test_who_gives_up_waiting_takes_nobody_s_turn() -> None:
    found, sat = Seats(1), asyncio.Event()

    async def sit() -> None:
        async with found.one():
            sat.set()

    async with found.one():
        waiting = [asyncio.create_task(sit()) for _ in range(2)]
        await asyncio.sleep(0)
    waiting[0].cancel()  # when its turn has just come
    async with asyncio.timeout(5):
        await sat.wait()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert [each.cancelled() for each in waiting] == [True, False]


async def test_a_seat_is_to_be_left_when_somebody_waits_or_there_are_too_many() -> None:
    found = Seats(2)

    async with found.one(), found.one():
        alone = found.crowded
        waiting = asyncio.create_task(found.one().__aenter__())
        await asyncio.sleep(0)
        beside = found.crowded
    await waiting
    found.resize(0)

    assert (alone, beside, found.crowded) == (False, True, True)


async def test_whoever_works_alone_has_every_seat() -> None:
    async with OwnSeats().of(HART) as found:
        assert found.count == 3


class Worker:
    """A worker among others: its seats, and which sessions it was told to close."""

    def __init__(self, database: Database, name: str) -> None:
        self.now = NOW
        self.rested: list[int] = []
        self.seats = SharedSeats(SeatRows(database, name), self._rest, lambda: self.now)

    async def _rest(self, connection_id: int) -> None:
        self.rested.append(connection_id)

    @asynccontextmanager
    async def at(self, under: Allowance = HART, seconds: float = 0) -> AsyncIterator[int]:
        self.now = NOW + timedelta(seconds=seconds)
        async with self.seats.of(under) as found:
            yield found.count

    async def tick(self, seconds: float) -> None:
        self.now = NOW + timedelta(seconds=seconds)
        await self.seats.once()


@pytest.fixture
def ann(database: Database) -> Worker:
    return Worker(database, "ann")


@pytest.fixture
def ben(database: Database) -> Worker:
    return Worker(database, "ben")


async def test_two_workers_never_have_more_than_there_are(ann: Worker, ben: Worker) -> None:
    async with ann.at() as first, ben.at() as second:
        assert (first, second) == (3, 0)
        await ann.tick(1)  # learns that ben waits, and keeps a fair share
        async with ben.at(seconds=2) as later:
            assert later == 2
        async with ann.at(seconds=3) as left:
            assert left == 1
    assert ann.rested == [1]  # their sessions were closed before


async def test_a_worker_that_asks_at_the_same_time_gets_what_is_left(
    ann: Worker, ben: Worker
) -> None:
    for _ in range(5):
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(_taken(each)) for each in (ann, ben)]
        assert sum(each.result() for each in asked) == 3


async def test_who_has_few_gets_a_fair_share_of_who_has_many(ann: Worker, ben: Worker) -> None:
    five = Allowance(3, 1, Limits(connections=5))
    async with ann.seats.of(five) as many, ben.seats.of(five) as none:
        many.resize(4)
        await ann.seats._rows.give_back(3, 4)
        await ben.tick(1)
        assert none.count == 1
        async with none.one():  # ben could use more now
            await ben.tick(2)
            await ann.tick(2.5)
            assert many.count == 2
            await ben.tick(3)
            assert none.count == 3


async def test_who_gives_seats_takes_them_not_back_meanwhile(ann: Worker, ben: Worker) -> None:
    async with ann.seats.of(HART), ben.at() as none:
        assert none == 0
        async with ann.at() as _, ann.seats.of(HART) as held, held.one(), held.one():
            await ann.tick(1)  # ann is to have one, and uses two
            async with ann.at(seconds=2) as still:
                assert still == 1
            await ben.tick(2)
            async with ben.at(seconds=2) as too_soon:
                assert too_soon == 0
        await ann.tick(3)
        async with ben.at(seconds=3) as later:
            assert later == 2


async def _taken(worker: Worker) -> int:
    async with worker.at() as count:
        return count


async def test_the_only_seat_is_given_when_its_burst_is_over(ann: Worker, ben: Worker) -> None:
    async with ann.at(ONE):
        assert await _waiting(ben, seconds=0) == 0
        await ann.tick(1)
        assert await _waiting(ben, seconds=2) == 0
    await ann.tick(3)

    assert ann.rested == [2]
    assert await _waiting(ben, seconds=4) == 1


async def _waiting(worker: Worker, seconds: float) -> int:
    async with worker.at(ONE, seconds) as count:
        return count


async def test_what_a_dead_worker_had_is_free_again(ann: Worker, ben: Worker) -> None:
    async with ann.at():
        alive = ben.at(seconds=4)
        async with alive as while_alive:
            assert while_alive == 0
        async with ben.at(seconds=shared_seats.TERM.total_seconds() + 1) as later:
            assert later == 3


async def test_a_worker_that_slept_finds_its_seats_taken_and_closes_its_sessions(
    ann: Worker, ben: Worker
) -> None:
    async with ann.at(), ben.at(seconds=6) as theirs:
        await ann.tick(7)

        assert theirs == 3
        assert ann.rested == [1]
        async with ann.at(seconds=9) as ours:
            assert ours == 0


async def test_seats_that_nobody_uses_are_given_back_after_a_while(
    ann: Worker, ben: Worker
) -> None:
    async with ann.at():
        pass
    for seconds in range(1, 29):
        await ann.tick(seconds)
    assert ann.rested == []
    await ann.tick(31)

    assert ann.rested == [1]
    async with ben.at(seconds=31) as count:
        assert count == 3


async def test_seats_are_given_back_at_the_end(ann: Worker, ben: Worker) -> None:
    async with ann.at():
        pass
    await ann.seats.close()

    async with ben.at() as count:
        assert count == 3
