"""Which lane to work on next, in one process: first woken, first served, each once at a time."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from letterhead.errors import Unavailable
from letterhead.mail.letter import URGENT, LaneKey

log = structlog.get_logger(__name__)

AT_ONCE = 200  # lanes that are worked on at the same time

Drain = Callable[[LaneKey], Awaitable[bool]]


class Lanes:
    """
    A queue of lanes without repetition, urgent ones first.

    A wake is a hint: the sweep finds what a lost one would leave. A lane woken while it is being
    worked on is looked at once more afterwards, at the end of the queue.
    """

    def __init__(self) -> None:
        # Bounded by the number of lanes; with a rank, and a number for the order among equals.
        self._queue: asyncio.PriorityQueue[tuple[bool, int, LaneKey]] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._waiting: set[LaneKey] = set()
        self._running: dict[LaneKey, bool] = {}  # whether to look once more
        self._hands: tuple[asyncio.Semaphore, asyncio.TaskGroup] | None = None
        self._still = asyncio.Event()
        self._still.set()

    def wake(self, lane: LaneKey) -> None:
        """Say that there may be something to do on a lane."""
        if lane in self._running:
            self._running[lane] = True
        elif lane not in self._waiting:
            self._waiting.add(lane)
            self._queue.put_nowait((lane[1] not in URGENT, next(self._numbers), lane))

    def found(self, due: Sequence[LaneKey]) -> None:
        """Wake the lanes on which mail is due."""
        for lane in due:
            self.wake(lane)

    async def reserve(self, lane: LaneKey) -> bool:
        """
        Keep a lane for who brings mail along, until it begins or is let go.

        False if it waits or is worked on already, or all hands are full.
        """
        if self._hands is None or lane in self._running or lane in self._waiting:
            return False
        seats, _ = self._hands
        if seats.locked():
            return False
        await seats.acquire()
        self._take(lane)
        return True

    def begin(self, lane: LaneKey, drain: Drain) -> None:
        """Work on a lane that was kept."""
        if self._hands is None:
            self.let_go(lane)
        else:
            _, tasks = self._hands
            tasks.create_task(self._work(lane, drain))

    def let_go(self, lane: LaneKey, *, more: bool = False) -> None:
        """Work on a lane no more; once again later if there is more, or it was woken meanwhile."""
        if self._hands:
            self._hands[0].release()
        if self._running.pop(lane) or more:
            self.wake(lane)
        if not self._running:
            self._still.set()

    async def forget(self, _: datetime, /) -> int:
        """There is nothing to forget: it is all in memory."""
        return 0

    async def tell(self) -> None:
        """There is nobody to tell: who is woken is at work in this process."""

    async def idle(self, patience: float) -> None:
        """Wait until no lane is worked on, for `patience` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._still.wait()

    async def run(self, drain: Drain, *, at_once: int = AT_ONCE) -> None:
        """Work on lanes for ever; `drain` says whether it left something to be done."""
        async with asyncio.TaskGroup() as tasks:
            self._hands = seats, _ = asyncio.Semaphore(at_once), tasks
            try:
                while True:
                    await seats.acquire()
                    _, _, lane = await self._queue.get()
                    self._waiting.discard(lane)
                    self._take(lane)
                    tasks.create_task(self._work(lane, drain))
            finally:
                self._hands = None

    def _take(self, lane: LaneKey) -> None:
        self._running[lane] = False
        self._still.clear()

    async def _work(self, lane: LaneKey, drain: Drain) -> None:
        more = False
        try:
            more = await drain(lane)
        except* Unavailable as error:
            log.warning("lane waits for the store", portal=lane[0], reason=str(error.exceptions[0]))
        except* Exception:
            # A fault of ours on one lane must not stop the others; the sweep comes back to it.
            log.exception("lane broke", portal=lane[0], lane=lane[1].value)
        finally:
            self.let_go(lane, more=more)
