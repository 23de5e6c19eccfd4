"""Works that wait for the same thread share a transaction, and none spoils another."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection

from letterhead.store.together import Together, Work


class Site:
    """A database in memory with one table, and the thread that works on it."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://", isolation_level="SERIALIZABLE")
        self.commits = 0
        event.listen(self._engine, "commit", self._count)
        with self._engine.begin() as writing:
            writing.execute(text("CREATE TABLE noted (number INTEGER)"))
        self.commits = 0
        self.together = Together(self._transact, asyncio.Lock())

    def numbers(self) -> list[int]:
        with self._engine.connect() as reading:
            return sorted(reading.scalars(text("SELECT number FROM noted")))

    async def _transact(self, work: Work[Any]) -> object:
        await asyncio.sleep(0.01)  # as a thread would take
        with self._engine.begin() as writing:
            return work(writing)

    def _count(self, _: Connection) -> None:
        self.commits += 1


@pytest.fixture
async def site() -> Site:
    return Site()


def note(number: int) -> Work[int]:
    def work(writing: Connection) -> int:
        writing.execute(text("INSERT INTO noted VALUES (:number)"), {"number": number})
        if number < 0:
            raise ValueError(number)
        return number

    return work


async def test_what_waits_together_is_done_together(site: Site) -> None:
    found = await asyncio.gather(*(site.together.do(note(each)) for each in range(10)))

    assert found == list(range(10))  # each its own
    assert site.numbers() == found
    assert site.commits <= 2


async def test_who_fails_is_told_and_the_others_are_done(site: Site) -> None:
    numbers = [0, 1, -2, 3]
    tasks = (site.together.do(note(each)) for each in numbers)
    found = await asyncio.gather(*tasks, return_exceptions=True)

    assert [each for each in found if isinstance(each, int)] == [0, 1, 3]
    assert isinstance(found[2], ValueError)
    assert site.numbers() == [0, 1, 3]


@pytest.mark.parametrize("who", [0, 1])
async def test_others_do_not_wait_for_one_who_has_gone(site: Site, who: int) -> None:
    tasks = [asyncio.create_task(site.together.do(note(each))) for each in range(3)]
    await asyncio.sleep(0)  # the first is at work now, and the others wait

    tasks[who].cancel()
    async with asyncio.timeout(5):
        found = await asyncio.gather(*tasks, return_exceptions=True)

    others = [each for each in range(3) if each != who]
    assert isinstance(found[who], asyncio.CancelledError)
    assert [found[each] for each in others] == others
    assert set(others) <= set(site.numbers())


async def test_many_are_done_in_parts_and_in_their_order(site: Site) -> None:
    done: list[int] = []

    async def do(number: int) -> None:
        done.append(await site.together.do(note(number)))

    await asyncio.gather(*(do(each) for each in range(100)))

    assert done == list(range(100))
    assert 4 <= site.commits <= 6
