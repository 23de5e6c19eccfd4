"""A burst of mail over the seats of one way out."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from letterhead.delivery.attempt import Mail, Marks, Seat, envelope
from letterhead.delivery.lease import Lease
from letterhead.delivery.seats import Seats, batch_under
from letterhead.delivery.settling import Settler
from letterhead.delivery.standing import Standing
from letterhead.delivery.supply import Supply
from letterhead.errors import Unavailable
from letterhead.mail.letter import Claim, Lane, LaneKey, Route
from letterhead.mail.limits import Allowance
from letterhead.mail.outcome import Returned, Stuck
from letterhead.mail.sender import Platform
from letterhead.transports.base import Transport

log = structlog.get_logger(__name__)

_MANY = 10_000  # mails: as if so many waited where there are more than were claimed


@dataclass(frozen=True, slots=True)
class Turn:
    """What a burst works with: the lane, its way, and what it may use of it until when."""

    lane: LaneKey
    route: Route
    under: Allowance
    seats: Seats
    lease: Lease
    ends: datetime

    @property
    def batch(self) -> int:
        """How many to claim at a time."""
        if self.route.trouble or self.lane[1] is Lane.TEST:
            return 1  # all are behind it: one is enough to see
        return batch_under(self.under.limits)


class Desk(Protocol):
    """What a burst shares with all others."""

    @property
    def outbox(self) -> Marks: ...

    @property
    def settler(self) -> Settler: ...

    @property
    def platform(self) -> Platform: ...

    @property
    def clock(self) -> Callable[[], datetime]: ...

    @property
    def stopping(self) -> asyncio.Event: ...

    @property
    def standing(self) -> Standing: ...


class Burst:
    """Sends what a supply gives, in its order, until that ends or the connection fails."""

    def __init__(self, desk: Desk, turn: Turn, way: Transport, supply: Supply) -> None:
        self._desk = desk
        self._route = turn.route
        self._seats = turn.seats
        self._lease = turn.lease
        self._way = way
        self._window = way.together.window if way.together else 1
        self._supply = supply
        self._working = 0
        self.stuck: Stuck | None = None

    async def run(self) -> None:
        """Send; what could not be begun is given back."""
        async with asyncio.TaskGroup() as tasks:
            self._staff(tasks)
        await self._give_back(self._supply.end())

    def _staff(self, tasks: asyncio.TaskGroup) -> None:
        """
        Have as many seats at work as the mail is worth.

        One over a new connection, until it has carried a mail: a login is not to be refused many
        times.
        """
        most = max(self._seats.count, 1) if self._is_proven else 1
        if self._working >= most:
            return
        waiting = self._supply.waiting + self._working
        worth = self._way.seats(waiting if self._supply.is_all else _MANY)
        while self._working < min(worth, waiting, most):
            self._working += 1
            tasks.create_task(self._seat(tasks))

    @property
    def _is_proven(self) -> bool:
        return self._desk.standing.is_proven(self._route)

    @property
    def _goes_on(self) -> bool:
        return not (self.stuck or self._desk.stopping.is_set()) and self._lease.holds

    async def _seat(self, tasks: asyncio.TaskGroup) -> None:
        desk, provider = self._desk, self._route.provider
        seat = Seat(self._way, desk.settler, desk.outbox, desk.clock, provider=provider)
        while self._goes_on:
            taken = await self._supply.take(self._window if self._is_proven else 1)
            if not taken:
                break
            self._staff(tasks)
            await self._send(seat, taken)
        self._working -= 1
        await seat.settled()

    async def _send(self, seat: Seat, taken: Sequence[tuple[Claim, bytes]]) -> None:
        mails = self._mails(taken)
        while mails and self._goes_on:
            mails = await self._attempt(seat, mails)
        if not self.stuck:
            self._desk.standing.carried(self._route)
        if mails:
            await self._give_back(claim for claim, _ in mails)

    def _mails(self, taken: Sequence[tuple[Claim, bytes]]) -> Sequence[Mail]:
        """
        Put the envelopes on.

        A fault of ours must not stop the others. Its claim keeps its lease, and the message comes
        round again.
        """
        found: list[Mail] = []
        for claim, content in taken:
            try:
                mail = envelope(claim, content, self._route, self._desk.platform)
            except Exception:
                log.exception("delivery broke", recipient=claim.id)
            else:
                found.append((claim, mail))
        return found

    async def _attempt(self, seat: Seat, mails: Sequence[Mail]) -> Sequence[Mail]:
        """
        Try some of the mails; gives those that have to be tried again at once.

        The place is kept for what is announced meanwhile: its session waits for it.
        """
        async with self._seats.one():
            left = await self._try(seat, mails)
            while seat.announced:
                await self._try(seat, [seat.announced])
        return left

    def _upcoming(self) -> Mail | None:
        """The next mail, if it is at hand, and nobody waits for a place."""
        if not self._is_proven or self._window > 1 or self._seats.crowded or not self._goes_on:
            return None
        return next(iter(self._mails(self._supply.at_hand(1))), None)

    async def _try(self, seat: Seat, mails: Sequence[Mail]) -> Sequence[Mail]:
        try:
            outcomes = await seat.send(mails, self._lease, self._upcoming)
        except Unavailable as error:
            log.warning("delivery waits for the store", reason=str(error))
            return []
        except Exception:
            log.exception("delivery broke", recipients=[claim.id for claim, _ in mails])
            return []
        for outcome in outcomes.values():
            if isinstance(outcome, Stuck):
                self.stuck = self.stuck or outcome
        return [mail for mail in mails if mail[0].id not in outcomes]

    async def _give_back(self, claims: Iterable[Claim]) -> None:
        """Let go what was not begun, as soon as the store answers."""
        desk = self._desk
        for done in [desk.settler.add(each, Returned(), desk.clock()) for each in claims]:
            await done
