"""Everybody who delivers in this process: starts together, and ends in order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from letterhead.delivery.calling import Calling
from letterhead.delivery.drain import Drain
from letterhead.delivery.following import Following
from letterhead.delivery.leaving import Leaving
from letterhead.delivery.polling import Polling
from letterhead.delivery.prune import Prune
from letterhead.delivery.seats import OwnSeats
from letterhead.delivery.shared_seats import SharedSeats
from letterhead.delivery.sweep import Sweep
from letterhead.mail.letter import LaneKey

_GRACE = 25.0  # seconds for what is on the wire


class Engine(Protocol):
    """Says which lane to work on next: `Lanes` in one process, `SharedLanes` on many machines."""

    def wake(self, lane: LaneKey) -> None: ...

    def found(self, due: Sequence[LaneKey]) -> None: ...

    async def tell(self) -> None: ...

    async def run(
        self, drain: Callable[[LaneKey], Awaitable[bool]], *, at_once: int = ...
    ) -> None: ...

    async def idle(self, patience: float) -> None: ...

    async def forget(self, before: datetime, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Crew:
    """The lanes, who works on them, and who looks after what is left."""

    lanes: Engine
    drain: Drain
    seats: OwnSeats | SharedSeats
    sweep: Sweep
    prune: Prune
    following: Following
    polling: Polling
    leaving: Leaving
    calling: Calling
    leave: Callable[[], Awaitable[None]]  # closes every way out

    def start(self, tasks: asyncio.TaskGroup, at_once: int) -> list[asyncio.Task[None]]:
        """Begin; the tasks are for `end`."""
        return [
            tasks.create_task(self.lanes.run(self.drain, at_once=at_once)),
            tasks.create_task(self.sweep.run()),
            tasks.create_task(self.prune.run()),
            tasks.create_task(self.following.run()),
            tasks.create_task(self.polling.run()),
            tasks.create_task(self.leaving.run()),
            tasks.create_task(self.calling.run()),
            tasks.create_task(self.seats.run()),
        ]

    async def end(self, workers: list[asyncio.Task[None]]) -> None:
        """Claim nothing more, let go what is on the wire, and take leave."""
        self.drain.stopping.set()
        await self.lanes.idle(_GRACE)
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await self.leave()
        await self.seats.close()
