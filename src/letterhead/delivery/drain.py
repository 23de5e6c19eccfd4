"""Work on one lane for a burst: claim, send, settle."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from letterhead import failpoints
from letterhead.delivery.attempt import Marks
from letterhead.delivery.burst import Burst, Turn
from letterhead.delivery.lease import Lease, Renewing
from letterhead.delivery.opening import Opening
from letterhead.delivery.rehearsal import Rehearsal
from letterhead.delivery.seats import Seats
from letterhead.delivery.settling import Settler
from letterhead.delivery.standing import Standing
from letterhead.delivery.supply import Batch, Supply
from letterhead.mail.letter import Begun, Claim, Lane, LaneKey, Route
from letterhead.mail.limits import Allowance, Limits
from letterhead.mail.sender import Platform
from letterhead.transports.base import Transport

BURST = timedelta(seconds=5)  # then others have their turn
_REST = timedelta(seconds=0.5)  # for which a lane is left alone whose connection waits


class Outbox(Marks, Renewing, Protocol):
    """What draining needs of the outbox."""

    async def claim(
        self,
        lane: LaneKey,
        lease: tuple[str, datetime],
        *,
        limit: int,
        now: datetime,
        under: Allowance | None = None,
    ) -> Sequence[Claim]: ...

    async def begin(self, opening: Opening) -> Begun | None: ...

    async def contents(self, message_ids: Iterable[str]) -> Mapping[str, bytes]: ...


class Connections(Protocol):
    """What draining needs to know of connections."""

    async def route(self, lane: LaneKey, now: datetime) -> Route | None: ...


class Ways(Protocol):
    """Finds the way out for a route."""

    async def of(self, route: Route) -> Transport: ...

    async def rest(self, connection_id: int) -> None: ...


class Seating(Protocol):
    """Says how many sessions a connection may have here."""

    @property
    def shared(self) -> bool: ...  # with other workers: seats are asked for before mail

    def of(self, under: Allowance) -> AbstractAsyncContextManager[Seats]: ...


@dataclass(frozen=True, slots=True)
class Drain:
    """Works on lanes; called with one, it says whether it left something to be done."""

    outbox: Outbox
    connections: Connections
    ways: Ways
    standing: Standing
    seats: Seating
    settler: Settler
    rehearsal: Rehearsal
    platform: Platform
    limits: Limits  # of the platform's route
    clock: Callable[[], datetime]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    # Lanes whose connection waits, and until when nobody looks again: mail that comes in wakes
    # them for each message.
    resting: dict[LaneKey, datetime] = field(default_factory=dict)

    async def __call__(self, lane: LaneKey) -> bool:
        ends = self.clock() + BURST
        while await self._turn(lane, ends):
            if self.clock() >= ends:
                return True
        return False

    def rests(self, lane: LaneKey) -> bool:
        """Whether nobody works on a lane now, whatever comes."""
        now = self.clock()
        return self.stopping.is_set() or self.resting.get(lane, now) > now

    def opening(self, lane: LaneKey) -> Opening:
        """What a burst that begins now offers a lane."""
        return Opening(lane, Lease(self.clock), self.limits, self.clock())

    async def go_on(self, opening: Opening, begun: Begun, ends: datetime | None = None) -> bool:
        """Send what was claimed with its route; says whether it left something to be done."""
        failpoints.reach("claimed")
        if not begun.claims:
            return False
        lane, lease, ends = opening.lane, opening.kept_by, ends or opening.now + BURST
        under = opening.allowance(begun.route)
        async with self.seats.of(under) as seats, lease.kept(self.outbox):
            turn = Turn(lane, begun.route, under, seats, lease, ends)
            return await self._burst(turn, Batch(begun.claims, begun.is_all))

    async def _turn(self, lane: LaneKey, ends: datetime) -> bool:
        """Work by the route as it is; False if nothing is left, or it does not carry."""
        if self.rests(lane):
            return False
        self.resting.pop(lane, None)
        if not self.seats.shared and lane[1] is not Lane.TEST:
            opening = self.opening(lane)
            if begun := await self.outbox.begin(opening):
                return await self.go_on(opening, begun, ends)
        now = self.clock()
        route = await self.connections.route(lane, now)
        if route is None:
            return False
        if route.trouble and route.trouble.due > now and lane[1] is not Lane.TEST:
            self.resting[lane] = now + _REST
            return False
        under = route.allowance(self.limits)
        async with self.seats.of(under) as seats:
            # Where others have every seat, the sweep comes back to what is left.
            turn = Turn(lane, route, under, seats, Lease(self.clock), ends)
            return bool(seats.count) and await self._begin(turn)

    async def _begin(self, turn: Turn) -> bool:
        batch = await self._claim(turn)
        if not batch.claims:
            async with turn.seats.one():
                await self.standing.probe(turn.route)
            return False
        async with turn.lease.kept(self.outbox):
            if turn.lane[1] is Lane.TEST:
                await self._rehearse(turn, batch.claims[0])
                return True
            return await self._burst(turn, batch)

    async def _claim(self, turn: Turn) -> Batch:
        lease, limit = (turn.lease.token, turn.lease.until), turn.batch
        claims = await self.outbox.claim(
            turn.lane, lease, limit=limit, now=self.clock(), under=turn.under
        )
        failpoints.reach("claimed")
        return Batch(claims, is_all=len(claims) < limit)

    async def _more(self, turn: Turn) -> Batch | None:
        """The next batch, while it is our turn, and the route is as it was and carries."""
        now = self.clock()
        if turn.route.trouble or now >= turn.ends or self.stopping.is_set():
            return None
        if await self.connections.route(turn.lane, now) != turn.route:
            return None
        return await self._claim(turn)

    async def _burst(self, turn: Turn, batch: Batch) -> bool:
        way = await self.ways.of(turn.route)
        supply = Supply(batch, partial(self._more, turn), self.outbox.contents)
        burst = Burst(self, turn, way, supply)
        await burst.run()
        carried = await self.standing.conclude(turn.route, burst.stuck)
        supply.demand()
        return carried and not supply.is_all

    async def _rehearse(self, turn: Turn, claim: Claim) -> None:
        async with turn.seats.one():
            await self.ways.rest(turn.route.connection_id)  # it has a session of its own
            contents = await self.outbox.contents([claim.message_id])
            await self.rehearsal.hold(claim, contents, turn.route, turn.lease)
