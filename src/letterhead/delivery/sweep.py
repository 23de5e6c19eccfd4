"""The guarantee: once a second, what is due is woken, and what a dead worker left is freed."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from letterhead.delivery.lanes import Lanes
from letterhead.errors import Unavailable
from letterhead.mail.letter import LaneKey

log = structlog.get_logger(__name__)

EVERY = 1.0  # seconds


class Rows(Protocol):
    """What sweeping needs of the store."""

    async def free(self, now: datetime, *, everything: bool = False) -> int: ...

    async def expire(self, now: datetime) -> int: ...

    async def lanes_due(self, now: datetime) -> Sequence[LaneKey]: ...


class Teller(Protocol):
    """Tells people what they are to know."""

    async def once(self) -> None: ...


class Sweep:
    """Does by itself, late, whatever a wake would have done in time."""

    def __init__(
        self, rows: Rows, lanes: Lanes, herald: Teller, clock: Callable[[], datetime]
    ) -> None:
        self._rows = rows
        self._herald = herald
        self._lanes = lanes
        self._clock = clock

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.once()
            except Unavailable as error:
                log.warning("sweep waits for the store", reason=str(error))
            except Exception:
                log.exception("sweep broke")
            await asyncio.sleep(EVERY)

    async def once(self) -> None:
        now = self._clock()
        freed, expired = await self._rows.free(now), await self._rows.expire(now)
        if freed or expired:
            log.info("swept", freed=freed, expired=expired)
        await self._herald.once()
        for lane in await self._rows.lanes_due(now):
            self._lanes.wake(lane)
