"""Forgets what is older than the operator wants it kept."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from letterhead import failpoints
from letterhead.delivery.rounds import for_ever

log = structlog.get_logger(__name__)

EVERY = 600.0  # seconds
ADD_UP_EVERY = 30.0
COUNTS_KEPT = timedelta(days=366)  # of days, for the chart of messages
_BREATH = 0.05  # seconds between parts, in which others have their turn

_AT_ONCE = timedelta(0)
_JOBS = timedelta(hours=1)  # what the queue of lanes noted of jobs that are done

Forget = Callable[[datetime], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Kept:
    """How long things are kept after the last outcome of a message; None is for ever."""

    bodies: timedelta | None
    messages: timedelta | None
    captured: timedelta | None


class History(Protocol):
    """
    What forgetting needs of the store.

    Each call forgets a part, and says how much it was; `add_up` says whether much is left.
    """

    async def forget_bodies(self, before: datetime) -> int: ...

    async def forget_messages(self, before: datetime) -> int: ...

    async def forget_counts(self, before: datetime) -> int: ...

    async def tidy(self, before: datetime) -> int: ...

    async def add_up(self) -> bool: ...


class Prune:
    """Forgets part after part, now and then."""

    def __init__(
        self,
        history: History,
        captured: Forget,
        kept: Kept,
        clock: Callable[[], datetime],
        *,
        jobs: Forget,
    ) -> None:
        self._clock = clock
        self._history = history
        self._rules = (
            ("bodies", history.forget_bodies, kept.bodies),
            ("messages", history.forget_messages, kept.messages),
            ("files of bodies", history.tidy, _AT_ONCE),
            ("captured", captured, kept.captured),
            ("jobs", jobs, _JOBS),
            ("counts", history.forget_counts, COUNTS_KEPT),
        )

    async def run(self) -> None:
        """Forget, and add up, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(for_ever(self.once, EVERY, "pruning"))
            tasks.create_task(for_ever(self.add_up, ADD_UP_EVERY, "pruning"))

    async def once(self) -> None:
        """Forget all that is over its time."""
        for name, forget, kept in self._rules:
            if kept is not None and (gone := await _through(partial(forget, self._clock() - kept))):
                log.info("forgotten", what=name, count=gone)

    async def add_up(self) -> None:
        """Add what was counted to its days: the chart then has little to read."""
        await _through(self._history.add_up)


async def _through(step: Callable[[], Awaitable[int]]) -> int:
    """Go on part by part until nothing is left; says how much it was."""
    done = 0
    while part := await step():
        failpoints.reach("forgotten")
        done += part
        await asyncio.sleep(_BREATH)
    return done
