"""Asks the queues in which Amazon SES's reports wait, where SNS cannot reach this host."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from letterhead.errors import LetterheadError, Unavailable

log = structlog.get_logger(__name__)

_REST = 10.0  # seconds after a failure

Keep = Callable[[bytes], Awaitable[None]]


class Queue(Protocol):
    """One queue of reports."""

    @property
    def name(self) -> str: ...

    async def received(self) -> Sequence[tuple[str, bytes]]:
        """What waits: what it is called to be taken away, and its bytes; waits a while for it."""
        ...

    async def taken(self, receipt: str) -> None:
        """Take one away; else it comes again."""
        ...

    async def close(self) -> None: ...


class Polling:
    """Takes what waits in each queue, for ever."""

    def __init__(self, queues: Sequence[Queue], keep: Keep) -> None:
        self._queues = queues
        self._keep = keep

    async def run(self) -> None:
        """Poll every queue; without any there is nothing to do."""
        async with asyncio.TaskGroup() as tasks:
            for each in self._queues:
                tasks.create_task(self._poll(each))

    async def _poll(self, queue: Queue) -> None:
        try:
            await self._poll_on(queue)
        finally:
            await queue.close()

    async def _poll_on(self, queue: Queue) -> None:
        while True:
            try:
                await self.once(queue)
            except Unavailable as error:
                log.warning("a queue waits", queue=queue.name, reason=str(error))
                await asyncio.sleep(_REST)
            except Exception:
                log.exception("polling broke", queue=queue.name)
                await asyncio.sleep(_REST)

    async def once(self, queue: Queue) -> None:
        for receipt, raw in await queue.received():
            try:
                await self._keep(raw)
            except Unavailable as error:  # it stays, and comes again
                log.info("a report waits", queue=queue.name, reason=str(error))
                continue
            except LetterheadError as error:  # of no topic of ours: it would come for ever
                log.warning("no report", queue=queue.name, reason=str(error))
            await queue.taken(receipt)
