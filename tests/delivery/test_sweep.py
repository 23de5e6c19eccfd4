"""The sweep finds what a lost wake would leave, and survives a store that does not answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from letterhead.delivery import sweep
from letterhead.delivery.lanes import Lanes
from letterhead.errors import Unavailable
from letterhead.mail.letter import Lane, LaneKey

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Rows:
    """Rows in memory, which may refuse for a while."""

    def __init__(self, refusals: list[Exception]) -> None:
        self._refusals = refusals
        self.looks = 0
        self.expired: list[datetime] = []
        self.freed: list[datetime] = []

    async def free(self, now: datetime, *, everything: bool = False) -> int:
        self.freed.append(now)
        return 0

    async def hasten(self, now: datetime) -> int:
        self.looks += 1
        if self._refusals:
            raise self._refusals.pop()
        return 0

    async def expire(self, now: datetime) -> int:
        self.expired.append(now)
        return 0

    async def lanes_due(self, now: datetime) -> Sequence[LaneKey]:
        return [(7, Lane.LIVE)]


class Herald:
    """Tells nobody, and counts how often it was asked to."""

    def __init__(self) -> None:
        self.asked = 0

    async def once(self) -> None:
        self.asked += 1


async def test_what_is_due_is_woken_even_after_troubles() -> None:
    herald = Herald()
    rows, lanes, woken = Rows([ZeroDivisionError(), Unavailable("no")]), Lanes(), asyncio.Event()

    async def drain(lane: LaneKey) -> bool:
        if lane == (7, Lane.LIVE):
            woken.set()
        return False

    sweeping = sweep.Sweep(rows, lanes, herald, lambda: NOW)
    tasks = [asyncio.create_task(each) for each in (sweeping.run(), lanes.run(drain))]
    async with asyncio.timeout(10):
        await woken.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert rows.looks == 3
    assert herald.asked == 1


@dataclass
class Clocks:
    """The clock that people set, and the one that only ever goes on."""

    now: datetime = NOW
    steady: float = 0.0

    def go_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.steady += seconds


async def swept(clocks: Clocks, minutes: int, sweeping: sweep.Sweep) -> None:
    for _ in range(minutes):
        clocks.go_on(60)
        await sweeping.once()


@pytest.mark.parametrize("leap", [HOUR, -HOUR, 3650 * 24 * HOUR], ids=["+1 h", "-1 h", "+10 years"])
async def test_no_mail_is_given_up_in_the_hour_after_a_leap_of_the_clock(leap: timedelta) -> None:
    clocks, rows = Clocks(), Rows([])
    sweeping = sweep.Sweep(
        rows, Lanes(), Herald(), lambda: clocks.now, steady=lambda: clocks.steady
    )

    await swept(clocks, 59, sweeping)
    after_the_start = len(rows.expired)
    await swept(clocks, 10, sweeping)
    before = len(rows.expired)
    clocks.now += leap
    await swept(clocks, 60, sweeping)
    after_the_leap = len(rows.expired)
    await swept(clocks, 1, sweeping)

    assert (after_the_start, before, after_the_leap) == (0, 10, 10)
    assert len(rows.expired) == 11


async def test_after_a_time_without_the_store_the_living_write_down_what_they_sent_first() -> None:
    rows, now = Rows([Unavailable("no")]), NOW
    sweeping = sweep.Sweep(rows, Lanes(), Herald(), lambda: now)
    task = asyncio.create_task(sweeping.run())
    while not rows.looks:  # noqa: ASYNC110 - a test's patience
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    now = NOW + timedelta(seconds=9)
    await sweeping.once()
    now = NOW + timedelta(seconds=10)
    await sweeping.once()

    assert rows.freed == [NOW, NOW + timedelta(seconds=10)]
