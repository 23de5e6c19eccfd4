"""The seats that a worker has among others, on any number of machines."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from letterhead import failpoints
from letterhead.delivery.seats import BATCH_LIMIT, Seats
from letterhead.errors import Unavailable
from letterhead.mail.limits import Allowance, Limits

log = structlog.get_logger(__name__)

TERM = timedelta(seconds=5)  # for which seats are ours without being kept
IDLE = timedelta(seconds=30)  # after which seats that nobody uses are given back
EVERY = 0.25  # seconds
_AGAIN = timedelta(seconds=1)  # in which a lane that found no seat is looked at once more

# Of what others could send as well, no more is claimed than is soon sent.
_BATCH = 10  # mails, at least
_ROUNDS = 6  # mails for each seat

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Rows(Protocol):
    """What sharing seats needs of the store."""

    async def take(self, under: Allowance, now: datetime, until: datetime) -> int: ...

    async def keep(
        self, now: datetime, until: datetime, short: Collection[int]
    ) -> Mapping[int, int]: ...

    async def give_back(self, connection_id: int, count: int) -> None: ...


class _Held(Seats):
    """Seats of a connection that are ours until a time."""

    def __init__(self) -> None:
        super().__init__()
        self.bursts = 0
        self.gives = False  # whether some are to be given back as soon as nobody uses them
        self.under: Allowance | None = None
        self.until = self.asked = self.last = _LONG_AGO

    def wanted(self, now: datetime) -> bool:
        """Whether somebody sits here, or found no seat a moment ago and comes again."""
        return bool(self.bursts) or (not self.count and self.last + _AGAIN > now)

    def is_short(self, now: datetime) -> bool:
        """Whether more could be had, and used."""
        most = self.under.limits.connections if self.under else 0
        return self.wanted(now) and self.used >= self.count < most

    def batch(self, limits: Limits) -> int:
        """A fair part of what is here for each burst."""
        soon = _ROUNDS * self.count * limits.window // max(self.bursts, 1)
        return max(_BATCH * limits.window, min(soon, BATCH_LIMIT))

    def fair(self, workers: int, now: datetime) -> int:
        """How many to keep of what so many workers share, or would like to."""
        rests = self.last + IDLE <= now or workers > 1
        if rests and not self.bursts:
            return 0
        return max(self.under.limits.connections // workers, 1) if self.under else 0


class SharedSeats:
    """
    The seats that this worker has among others.

    A session that is open occupies its seat although no mail is under way; so seats are given back
    with their sessions closed: when others wait for some, or after a while without mail.
    """

    shared = True

    def __init__(
        self,
        rows: Rows,
        rest: Callable[[int], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._rows = rows
        self._rest = rest  # closes the sessions of a connection that nobody uses
        self._clock = clock
        self._held: dict[int, _Held] = {}

    @asynccontextmanager
    async def of(self, under: Allowance) -> AsyncIterator[Seats]:
        """The seats of a connection, which may be none: others have them."""
        held = self._held.setdefault(under.connection_id, _Held())
        held.bursts += 1
        try:
            await self._ask(held, under)
            yield held
        finally:
            held.bursts -= 1
            held.last = self._clock()

    async def run(self) -> None:
        """Keep the seats in use, and give others back, for ever."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.once()
            except Unavailable as error:
                log.warning("seats wait for the store", reason=str(error))
            except Exception:
                log.exception("seats broke")

    async def once(self) -> None:
        """Keep the seats in use, and give others back."""
        if not self._held:
            return
        now = self._clock()
        short = [each for each, held in self._held.items() if held.is_short(now)]
        shared = await self._rows.keep(now, now + TERM, short)
        for connection_id, held in list(self._held.items()):
            if held.until <= now:  # we slept: others may have them
                held.resize(0)
                await self._rest(connection_id)
            elif held.count:
                held.until = now + TERM
            await self._adjust(connection_id, held, shared.get(connection_id, 1))

    async def close(self) -> None:
        """Give back everything; the sessions are closed already."""
        while self._held:
            connection_id, _ = self._held.popitem()
            await self._rows.give_back(connection_id, 0)

    async def _adjust(self, connection_id: int, held: _Held, workers: int) -> None:
        now = self._clock()
        count = held.fair(workers, now)
        if not held.gives and held.is_short(now) and (workers == 1 or held.count < count):
            await self._take(held)
        elif held.gives or count < held.count or not (count or held.wanted(now)):
            await self._give(connection_id, held, min(count, held.count))

    async def _ask(self, held: _Held, under: Allowance) -> None:
        """Ask for what is missing, but not again and again."""
        now, held.under = self._clock(), under
        valid = held.until > now and held.count <= under.limits.connections
        enough = held.count == under.limits.connections
        if not valid or not (enough or held.gives or held.asked + timedelta(seconds=EVERY) > now):
            await self._take(held)

    async def _take(self, held: _Held) -> None:
        now = self._clock()
        held.asked, held.until = now, now + TERM
        if held.under:
            count = await self._rows.take(held.under, now, held.until)
            failpoints.reach("seated")
            held.resize(count)

    async def _give(self, connection_id: int, held: _Held, count: int) -> None:
        """Have fewer; what is used above them is given back when it is free."""
        held.resize(count)
        held.gives = held.used > count
        if held.gives:
            return
        await self._rest(connection_id)
        await self._rows.give_back(connection_id, count)
        if not count and not held.wanted(self._clock()):
            self._held.pop(connection_id, None)
