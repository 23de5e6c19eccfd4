"""Forgets what is older than the operator wants it kept."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from letterhead.errors import Unavailable

log = structlog.get_logger(__name__)

EVERY = 600.0  # seconds
COUNTS_KEPT = timedelta(days=366)  # of days, for the chart of messages
_BREATH = 0.05  # seconds between parts, in which others have their turn

_JOBS = timedelta(hours=1)  # what the queue of lanes noted of jobs that are done

Forget = Callable[[datetime], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Kept:
    """How long things are kept after the last outcome of a message; None is for ever."""

    bodies: timedelta | None
    messages: timedelta | None
    captured: timedelta | None


class History(Protocol):
    """What forgetting needs of the store: each call forgets a part, and says how much it was."""

    async def forget_bodies(self, before: datetime) -> int: ...

    async def forget_messages(self, before: datetime) -> int: ...

    async def forget_counts(self, before: datetime) -> int: ...


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
        self._rules = (
            ("bodies", history.forget_bodies, kept.bodies),
            ("messages", history.forget_messages, kept.messages),
            ("captured", captured, kept.captured),
            ("jobs", jobs, _JOBS),
            ("counts", history.forget_counts, COUNTS_KEPT),
        )

    async def run(self) -> None:
        """Forget for ever."""
        while True:
            try:
                await self.once()
            except Unavailable as error:
                log.warning("pruning waits for the store", reason=str(error))
            except Exception:
                log.exception("pruning broke")
            await asyncio.sleep(EVERY)

    async def once(self) -> None:
        """Forget all that is over its time."""
        for name, forget, kept in self._rules:
            if kept is not None:
                await self._forget(name, forget, self._clock() - kept)

    async def _forget(self, name: str, forget: Forget, before: datetime) -> None:
        gone = 0
        while part := await forget(before):
            gone += part
            await asyncio.sleep(_BREATH)
        if gone:
            log.info("forgotten", what=name, count=gone)
