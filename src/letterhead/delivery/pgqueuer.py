"""Which lane to work on next, for workers on any number of machines: PgQueuer's jobs."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

import psycopg
import structlog
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError
from pgqueuer.domain.models import Job
from pgqueuer.ports.driver import NotifyCallback

from letterhead.delivery.lanes import AT_ONCE, Drain
from letterhead.errors import Unavailable
from letterhead.mail.letter import LaneKey
from letterhead.store.jobs import LANE, SETTINGS, lane_of

log = structlog.get_logger(__name__)

_LOOK = timedelta(seconds=1)  # for jobs of which no notice came
_DEAD = timedelta(seconds=4)  # without a sign of life; then another worker takes the job
_AFTER = 0.2  # seconds after its end until a job's name is free again
_PAUSE = 0.5  # seconds before the database is tried again
_BATCH = 10  # jobs that are taken at a time
_HANDS = 10  # lanes on which another worker is helped at a time

# It tells what goes wrong as people read it; what concerns us is told by our own log.
logging.getLogger("pgqueuer").setLevel(logging.CRITICAL + 1)


class Jobs(Protocol):
    """What waking needs of the store."""

    async def queue(self, lanes: Sequence[LaneKey]) -> None: ...

    async def forget(self, before: datetime) -> int: ...


class Due(Protocol):
    """Says on which of some lanes mail is due."""

    async def __call__(self, lanes: Collection[LaneKey], /) -> Collection[LaneKey]: ...


# Two connections: one listens, the other asks meanwhile.
Connect = Callable[
    [], AbstractAsyncContextManager[tuple[psycopg.AsyncConnection, psycopg.AsyncConnection]]
]


class SharedLanes:
    """
    Lanes as jobs of one name each, which any worker may take; fits where `Lanes` does.

    A wake is a hint. While a job runs, and a moment longer, its name is taken and a wake is lost;
    so each lane is looked at once more afterwards, and the sweep finds what is left.
    """

    def __init__(self, jobs: Jobs, due: Due, connect: Connect) -> None:
        self._jobs = jobs
        self._due = due
        self._connect = connect
        # All bounded by the number of lanes.
        self._woken: set[LaneKey] = set()
        self._running: set[LaneKey] = set()
        self._worked: set[LaneKey] = set()
        self._behind: set[LaneKey] = set()  # had mail that was due when it was last looked at
        self._hands: set[asyncio.Task[None]] = set()
        self._help: Callable[[LaneKey], asyncio.Task[None]] | None = None
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()

    def wake(self, lane: LaneKey) -> None:
        """Say that there may be something to do on a lane."""
        self._woken.add(lane)
        self._news.set()

    def found(self, due: Sequence[LaneKey]) -> None:
        """
        Wake the lanes on which mail is due.

        Where it was so a second ago, too, another worker is behind with a lane, and its job keeps
        all others from it: they are helped without one.
        """
        for lane in due:
            self.wake(lane)
        behind = self._behind.intersection(due) - self._running
        self._behind = set(due)
        for lane in random.sample(sorted(behind), min(len(behind), _HANDS - len(self._hands))):
            if self._help:
                task = self._help(lane)
                self._hands.add(task)
                task.add_done_callback(self._hands.discard)

    async def tell(self) -> None:
        """Queue what was woken, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            woken, self._woken = self._woken, set()
            try:
                await self._jobs.queue(sorted(woken))
            except Unavailable as error:
                log.warning("wakes are lost", count=len(woken), reason=str(error))
                await asyncio.sleep(_PAUSE)
            except Exception:
                log.exception("waking broke")

    async def run(self, drain: Drain, *, at_once: int = AT_ONCE) -> None:
        """Work on lanes for ever, over a new connection whenever one was lost."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_again())
            async with asyncio.TaskGroup() as hands:
                self._help = lambda lane: hands.create_task(self._work(lane, drain))
                await self._take_jobs(drain, at_once)
                self._help = None
            self._ended.set()
            await asyncio.Event().wait()  # whoever stops us cancels us

    async def _take_jobs(self, drain: Drain, at_once: int) -> None:
        while not self._stopping.is_set():
            try:
                async with self._connect() as (listening, asking):
                    await self._work_over(_Driver(listening, asking), drain, at_once)
            except (psycopg.Error, FailingListenerError, OSError) as error:
                log.warning("lanes wait for the database", reason=type(error).__name__)
                await asyncio.sleep(_PAUSE)
            except Exception:
                log.exception("lanes broke")
                await asyncio.sleep(_PAUSE)

    async def idle(self, patience: float) -> None:
        """Take no more jobs, and wait until none is worked on, for `patience` seconds at most."""
        self._stopping.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._ended.wait()

    async def forget(self, before: datetime) -> int:
        """Forget what was noted of jobs that are done; says how much it was."""
        return await self._jobs.forget(before)

    async def _work_over(self, driver: PsycopgDriver, drain: Drain, at_once: int) -> None:
        manager = QueueManager(self._queries(driver), channel=SETTINGS.channel)
        manager.shutdown = self._stopping

        async def work(job: Job) -> None:
            await self._work(lane_of(job.payload), drain)

        manager.entrypoint(LANE)(work)
        await manager.run(
            dequeue_timeout=_LOOK,
            batch_size=min(_BATCH, max(at_once // 2, 1)),
            max_concurrent_tasks=max(at_once, 2),
            shutdown_on_listener_failure=True,
            heartbeat_timeout=_DEAD,
            log_aggregation_interval=timedelta(0),
        )

    def _queries(self, driver: PsycopgDriver) -> Queries:
        return Queries(
            driver,
            qbe=QueryBuilderEnvironment(SETTINGS),
            qbq=QueryQueueBuilder(settings=SETTINGS),
        )

    async def _work(self, lane: LaneKey, drain: Drain) -> None:
        if lane in self._running:
            return
        self._running.add(lane)
        try:
            await drain(lane)
        except* Unavailable as error:
            log.warning("lane waits for the store", portal=lane[0], reason=str(error.exceptions[0]))
        except* Exception:
            # A fault of ours on one lane must not stop the others; the sweep comes back to it.
            log.exception("lane broke", portal=lane[0], lane=lane[1].value)
        finally:
            self._running.discard(lane)
            self._worked.add(lane)

    async def _look_again(self) -> None:
        """Wake what was worked on a moment ago, if there is something to do."""
        while True:
            await asyncio.sleep(_AFTER)
            worked, self._worked = self._worked, set()
            await asyncio.sleep(_AFTER)
            if not worked:
                continue
            try:
                found = await self._due(worked)
            except Unavailable:
                continue  # the sweep says it
            for lane in found:
                self.wake(lane)


class _Driver(PsycopgDriver):
    """Asks over a connection of its own: one that waits for notices is busy for a second."""

    def __init__(self, listening: psycopg.AsyncConnection, asking: psycopg.AsyncConnection) -> None:
        super().__init__(listening)
        self._other = PsycopgDriver(asking)
        self._listens = asyncio.Event()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._other.fetch(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        return await self._other.execute(query, *args)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        self._listens.set()

    async def notify(self, channel: str, payload: str) -> None:
        """Tell; what is told before somebody listens on the other connection is not heard."""
        await self._listens.wait()
        await super().notify(channel, payload)
