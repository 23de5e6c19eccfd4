"""Removes what is left of portals that were deleted, a part at a time."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from letterhead.delivery.rounds import for_ever

log = structlog.get_logger(__name__)

EVERY = 5.0  # seconds
_BREATH = 0.05  # seconds between parts, in which others have their turn


class Rows(Protocol):
    """What removing needs of the store."""

    async def closed(self) -> Sequence[int]: ...

    async def remove(self, portal_id: int, now: datetime) -> int: ...


class Leaving:
    """Goes on with what a deletion began, also after a restart."""

    def __init__(self, rows: Rows, clock: Callable[[], datetime]) -> None:
        self._rows = rows
        self._clock = clock

    async def run(self) -> None:
        """Remove for ever."""
        await for_ever(self.once, EVERY, "removing")

    async def once(self) -> None:
        """Remove what can be removed now; what is on the wire is left for the next time."""
        for portal_id in await self._rows.closed():
            gone = 0
            while part := await self._rows.remove(portal_id, self._clock()):
                gone += part
                await asyncio.sleep(_BREATH)
            if gone:
                log.info("removed", portal=portal_id, messages=gone)
