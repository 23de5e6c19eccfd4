"""Transactions that wait for the same thread are done as one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

_AT_ONCE = 32  # works in one transaction: who came later must not wait for too many

T = TypeVar("T")
Work = Callable[[Connection], T]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    work: Work[Any]
    done: asyncio.Future[Any]


class Together:
    """
    Gathers works while the thread is busy, and does them in one transaction.

    To begin and to end a transaction takes longer than what most works do. Where one of them fails
    nothing was done, and each is done by itself.
    """

    def __init__(self, transact: Callable[[Work[Any]], Awaitable[Any]], turn: asyncio.Lock) -> None:
        self._transact = transact
        self._turn = turn
        self._waiting: list[_Asked] = []
        self._running: set[asyncio.Task[None]] = set()

    async def do(self, work: Work[T]) -> T:
        """Do `work`, alone or with others."""
        mine = _Asked(work, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        try:
            async with self._turn:
                if mine in self._waiting:  # else somebody before us took it along
                    await self._begin()
        finally:
            if mine in self._waiting:  # we are cancelled
                self._waiting.remove(mine)
        result: T = await mine.done
        return result

    async def _begin(self) -> None:
        """Do the oldest works; that goes on if whoever waits here is cancelled."""
        group, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
        task = asyncio.create_task(self._do(group))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def _do(self, group: Sequence[_Asked]) -> None:
        try:
            results = await self._transact(lambda own: [each.work(own) for each in group])
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            if len(group) > 1:
                for each in group:
                    await self._do([each])
            elif not group[0].done.done():
                group[0].done.set_exception(error)
        else:
            for each, result in zip(group, results, strict=True):
                if not each.done.done():
                    each.done.set_result(result)
