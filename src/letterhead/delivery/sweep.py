"""The guarantee: once a second, what is due is woken, and what a dead worker left is freed."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from letterhead.errors import Unavailable
from letterhead.mail.letter import LaneKey

log = structlog.get_logger(__name__)

EVERY = 1.0  # seconds, a little more or less: workers need not sweep together
# Behind a time without the store: a worker that lives must write down what it has sent before
# anybody takes its mail for left behind.
_GRACE = timedelta(seconds=10)

# Mail is given up only when the clock went well for so long: after a leap, or a long time of not
# running, everything is due, and is to be tried before its five days are called over.
_TRUST = 3600.0  # seconds
_LEAP = 60.0  # seconds


class Rows(Protocol):
    """What sweeping needs of the store."""

    async def free(self, now: datetime, *, everything: bool = False) -> int: ...

    async def hasten(self, now: datetime) -> int: ...

    async def expire(self, now: datetime) -> int: ...

    async def lanes_due(self, now: datetime) -> Sequence[LaneKey]: ...


class Lanes(Protocol):
    """What sweeping needs of lanes."""

    def found(self, due: Sequence[LaneKey]) -> None: ...


class Teller(Protocol):
    """Tells people what they are to know."""

    async def once(self) -> None: ...


class Watch:
    """Compares the clock, which people and networks set, with one that only ever goes on."""

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._began = self._last = steady()
        self._seen: datetime | None = None

    def trusts(self, now: datetime) -> bool:
        """Whether the clock has gone well for an hour."""
        steady = self._steady()
        if self._seen and abs((now - self._seen).total_seconds() - (steady - self._last)) > _LEAP:
            self._began = steady
        self._seen, self._last = now, steady
        return steady - self._began >= _TRUST


class Sweep:
    """Does by itself, late, whatever a wake would have done in time."""

    def __init__(
        self,
        rows: Rows,
        lanes: Lanes,
        herald: Teller,
        clock: Callable[[], datetime],
        *,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = rows
        self._herald = herald
        self._lanes = lanes
        self._clock = clock
        self._watch = Watch(steady)
        self._trusts: datetime | None = None  # leases, from then on
        self.last: datetime | None = None  # when it last went through

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.once()
            except Unavailable as error:
                log.warning("sweep waits for the store", reason=str(error))
                self._trusts = self._clock() + _GRACE
            except Exception:
                log.exception("sweep broke")
            await asyncio.sleep(EVERY * random.uniform(0.8, 1.2))  # noqa: S311 - no secret

    async def once(self) -> None:
        now = self._clock()
        trusts = self._trusts is None or now >= self._trusts
        freed = await self._rows.free(now) if trusts else 0
        hastened = await self._rows.hasten(now)
        expired = await self._rows.expire(now) if self._watch.trusts(now) else 0
        if freed or expired or hastened:
            log.info("swept", freed=freed, expired=expired, hastened=hastened)
        await self._herald.once()
        self._lanes.found(await self._rows.lanes_due(now))
        self.last = now
