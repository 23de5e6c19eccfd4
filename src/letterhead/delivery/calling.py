"""Tells the receivers of webhooks what happened."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from letterhead import failpoints
from letterhead.errors import Unavailable, Unreachable
from letterhead.mail.webhook import ACCEPTED, Call, Round, signed

log = structlog.get_logger(__name__)

EVERY = 1.0  # seconds
_AT_ONCE = 20  # receivers
_LOCKED = "The secret cannot be opened: its key is missing."

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[int]]  # gives the status


class Rows(Protocol):
    """What calling needs of the store."""

    async def take(self, now: datetime, limit: int) -> Sequence[Round]: ...

    async def finish(self, of: Round, failed: Mapping[int, str], now: datetime) -> None: ...


class Calling:
    """Calls each receiver by itself, so that none waits for another."""

    def __init__(self, rows: Rows, post: Post, clock: Callable[[], datetime]) -> None:
        self._rows = rows
        self._post = post
        self._clock = clock

    async def run(self) -> None:
        """Call for ever."""
        async with asyncio.TaskGroup() as tasks:
            running: set[asyncio.Task[None]] = set()
            while True:
                for each in await self._taken(_AT_ONCE - len(running)):
                    task = tasks.create_task(self._round(each))
                    running.add(task)
                    task.add_done_callback(running.discard)
                await asyncio.sleep(EVERY)

    async def _taken(self, limit: int) -> Sequence[Round]:
        try:
            return await self._rows.take(self._clock(), limit) if limit else []
        except Unavailable as error:
            log.warning("calling waits for the store", reason=str(error))
        except Exception:
            log.exception("calling broke")
        return []

    async def _round(self, first: Round) -> None:
        try:
            await self._called(first)
        except Unavailable as error:  # the lease ends, and the calls are made again
            log.warning("calls are not noted", reason=str(error))
        except Exception:
            # A fault of ours with one receiver must not stop the others.
            log.exception("calling broke", webhook=first.webhook_id)

    async def _called(self, of: Round) -> None:
        said = await asyncio.gather(*(self._call(of, each) for each in of.calls))
        failpoints.reach("called")
        failed = {each.id: why for each, why in zip(of.calls, said, strict=True) if why}
        await self._rows.finish(of, failed, self._clock())

    async def _call(self, of: Round, call: Call) -> str:
        """Make one call; gives why it failed, or nothing."""
        if of.secret is None:
            return _LOCKED
        content = call.content()
        try:
            status = await self._post(
                of.url, content, signed(of.secret, call, content, self._clock())
            )
        except Unreachable as error:
            return str(error)
        return "" if status in ACCEPTED else f"It answered {status}."
