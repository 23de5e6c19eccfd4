"""How many sessions with a server this worker may have: seats, over which mails take turns."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from letterhead.mail.limits import Allowance, Limits

BATCH_LIMIT = 1000  # claims at a time, at most
_BATCH = 100  # and at least
_ROUNDS = 20  # mails of a batch for each seat


class Seats:
    """The seats of one connection; whoever comes when all are taken waits in line."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self.used = 0
        self._line: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Have a seat."""
        await self._take()
        try:
            yield
        finally:
            self._leave()

    @property
    def crowded(self) -> bool:
        """Whether who has a seat is to leave it between mails: somebody waits, or it is over."""
        return bool(self._line) or self.used > self.count

    def resize(self, count: int) -> None:
        """Have more of them, or fewer as soon as they are free."""
        self.count = count
        self._seat()

    async def _take(self) -> None:
        if not self._line and self.used < self.count:
            self.used += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # our turn had just come
                self._leave()
            raise

    def _leave(self) -> None:
        self.used -= 1
        self._seat()

    def _seat(self) -> None:
        """Give free seats to the first in line: who leaves and comes again is the last of it."""
        while self._line and self.used < self.count:
            turn = self._line.popleft()
            if not turn.done():
                self.used += 1
                turn.set_result(None)


def batch_under(limits: Limits) -> int:
    """How many mails to claim: enough for each seat to be worth its while."""
    return max(_BATCH, min(_ROUNDS * limits.connections * limits.window, BATCH_LIMIT))


class OwnSeats:
    """Every seat of every connection: nobody else works."""

    shared = False

    def __init__(self) -> None:
        self._seats: dict[int, Seats] = {}

    @asynccontextmanager
    async def of(self, under: Allowance) -> AsyncIterator[Seats]:
        """The seats of a connection."""
        found = self._seats.setdefault(under.connection_id, Seats())
        if found.count != under.limits.connections:
            found.resize(under.limits.connections)
        yield found

    async def run(self) -> None:
        """There is nobody to share with."""

    async def close(self) -> None:
        """There is nobody to give them back to."""
