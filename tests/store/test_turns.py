"""The rate of an account is kept by all who send by it together."""

import asyncio
from datetime import UTC, datetime, timedelta

from letterhead.store.database import Database
from letterhead.store.turns import Turns
from letterhead.transports.aws import Pace
from tests.store.conftest import NOW

A_SECOND = 40


async def test_turns_are_given_one_after_the_other(database: Database) -> None:
    turns = Turns(database, lambda: NOW)

    begins = [await turns.take("eu-west-1 ", 0.25) for _ in range(3)]
    other = await turns.take("eu-west-1 AKIA", 0.25)

    assert begins == [0, 0.25, 0.5]
    assert other == 0


async def test_time_that_nobody_took_is_gone(database: Database) -> None:
    now = NOW
    turns = Turns(database, lambda: now)
    await turns.take("eu-west-1 ", 0.25)

    now += timedelta(seconds=10)

    assert await turns.take("eu-west-1 ", 0.25) == 0
    assert await turns.take("eu-west-1 ", 0.25) == 0.25


async def test_two_processes_together_keep_the_rate_of_one_account(database: Database) -> None:
    turns = Turns(database, lambda: datetime.now(UTC))  # noqa: TID251 - the time of a test
    paces = [Pace("eu-west-1 ", turns) for _ in range(2)]
    times: list[float] = []

    async def send(pace: Pace) -> None:
        await pace.turn()
        times.append(asyncio.get_running_loop().time())

    for each in paces:
        each.a_second = A_SECOND
    await asyncio.gather(*(send(paces[at % 2]) for at in range(A_SECOND)))

    assert max(times) - min(times) >= (A_SECOND - 1) / A_SECOND * 0.9
