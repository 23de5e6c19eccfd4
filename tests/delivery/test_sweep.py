"""The sweep finds what a lost wake would leave, and survives a store that does not answer."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from letterhead.delivery import sweep
from letterhead.delivery.lanes import Lanes
from letterhead.errors import Unavailable
from letterhead.mail.letter import Lane, LaneKey

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Rows:
    """Rows in memory, which may refuse for a while."""

    def __init__(self, refusals: list[Exception]) -> None:
        self._refusals = refusals
        self.looks = 0

    async def free(self, now: datetime, *, everything: bool = False) -> int:
        self.looks += 1
        if self._refusals:
            raise self._refusals.pop()
        return 0

    async def expire(self, now: datetime) -> int:
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
