"""Work on one lane for a burst: claim, send, settle."""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from letterhead import failpoints
from letterhead.delivery.attempt import Mail, Marks, Seat, envelope, grouped
from letterhead.delivery.lease import Lease, Renewing
from letterhead.delivery.rehearsal import Rehearsal
from letterhead.delivery.seats import Seats
from letterhead.delivery.settling import Settler
from letterhead.errors import Unavailable
from letterhead.mail import faults
from letterhead.mail.letter import Claim, Lane, LaneKey, Route, Trouble
from letterhead.mail.limits import Allowance, Limits
from letterhead.mail.outcome import Returned, Stuck
from letterhead.mail.sender import Platform
from letterhead.transports.base import Transport

log = structlog.get_logger(__name__)

BURST = timedelta(seconds=5)  # then others have their turn
_REST = timedelta(seconds=0.5)  # for which a lane is left alone whose connection waits
BATCH = 100  # claims at a time, at least
_ROUNDS = 20  # mails of a batch for each place on a connection
_BATCH_LIMIT = 1000
_CHUNK = 4 * 1024 * 1024  # bytes of bodies in memory at a time, or one body if it is larger


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

    async def contents(self, message_ids: Iterable[str]) -> Mapping[str, bytes]: ...


class Connections(Protocol):
    """What draining needs to know and to say of connections."""

    async def route(self, lane: LaneKey, now: datetime) -> Route | None: ...

    async def failed(self, route: Route, stuck: Stuck, now: datetime) -> Trouble: ...

    async def recovered(self, route: Route, now: datetime) -> None: ...


class Ways(Protocol):
    """Finds the way out for a route."""

    async def of(self, route: Route) -> Transport: ...

    async def rest(self, connection_id: int) -> None: ...


class Seating(Protocol):
    """Says how many sessions a connection may have here."""

    def of(self, under: Allowance) -> AbstractAsyncContextManager[Seats]: ...


@dataclass(frozen=True, slots=True)
class Drain:
    """Works on lanes; called with one, it says whether it left something to be done."""

    outbox: Outbox
    connections: Connections
    ways: Ways
    seats: Seating
    settler: Settler
    rehearsal: Rehearsal
    platform: Platform
    limits: Limits  # of the platform's route
    clock: Callable[[], datetime]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    # Connections (with the version of their settings) that have carried mail and not failed since.
    proven: set[tuple[int, int]] = field(default_factory=set)
    # Lanes whose connection waits, and until when nobody looks again: mail that comes in wakes
    # them for each message.
    resting: dict[LaneKey, datetime] = field(default_factory=dict)

    async def __call__(self, lane: LaneKey) -> bool:
        ends = self.clock() + BURST
        while not self.stopping.is_set():
            if not await self._batch(lane):
                return False
            if self.clock() >= ends:
                return True
        return False

    async def _batch(self, lane: LaneKey) -> bool:
        """Work on one batch; False if there was none, or the connection does not carry."""
        now = self.clock()
        if self.resting.get(lane, now) > now:
            return False
        self.resting.pop(lane, None)
        route = await self.connections.route(lane, now)
        if route is None:
            return False
        if route.trouble and route.trouble.due > now and lane[1] is not Lane.TEST:
            self.resting[lane] = now + _REST
            return False
        under = route.allowance(self.limits)
        async with self.seats.of(under) as seats:
            # Where others have every seat, the sweep comes back to what is left.
            return bool(seats.count) and await self._claim(lane, Turn(route, under, seats), now)

    async def _claim(self, lane: LaneKey, turn: "Turn", now: datetime) -> bool:
        """Claim a batch, and work on it."""
        lease, route = Lease(self.clock), turn.route
        # A connection that had trouble is tried with one mail: all are behind it, one is enough.
        limit = 1 if route.trouble or lane[1] is Lane.TEST else _batch(turn.under.limits)
        token = (lease.token, lease.until)
        claims = await self.outbox.claim(lane, token, limit=limit, now=now, under=turn.under)
        if not claims:
            async with turn.seats.one():
                await self._probe(route)
            return False
        failpoints.reach("claimed")
        async with lease.kept(self.outbox):
            # Fewer than asked for: that was all, and what comes meanwhile wakes the lane.
            return await self._work(lane, turn, claims, lease) and len(claims) == limit

    async def _probe(self, route: Route) -> None:
        """Look whether a paused connection works again, where no mail waits that would tell."""
        trouble = route.trouble
        if trouble is None or not trouble.paused or not faults.shows_at_sign_in(trouble.fault):
            return
        way = await self.ways.of(route)
        answer = await way.probe()
        fault = faults.of(answer, provider=route.provider) if answer else None
        await self._conclude(route, Stuck(answer, fault) if answer and fault else None)

    async def _work(
        self, lane: LaneKey, turn: "Turn", claims: Sequence[Claim], lease: Lease
    ) -> bool:
        route = turn.route
        if lane[1] is Lane.TEST:
            async with turn.seats.one():
                await self.ways.rest(route.connection_id)  # it has a session of its own
                await self.rehearsal.hold(claims[0], await self._contents(claims), route, lease)
            return True
        burst = Burst(self, turn, lease, await self.ways.of(route))
        chunks = list(_chunks(claims))
        while chunks:
            try:
                contents = await self._contents(chunks[0])
            except Unavailable:
                self._give_back(itertools.chain(*chunks))
                raise
            failpoints.reach("loaded")
            await burst.send(chunks.pop(0), contents)
        return await self._conclude(route, burst.stuck)

    def _give_back(self, claims: Iterable[Claim]) -> None:
        """Let go what could not be begun, as soon as the store answers again."""
        for claim in claims:
            self.settler.add(claim, Returned(), self.clock())

    async def _conclude(self, route: Route, stuck: Stuck | None) -> bool:
        if stuck:
            self.proven.discard((route.connection_id, route.version))
            trouble = await self.connections.failed(route, stuck, self.clock())
            fields = {"fault": trouble.fault, "paused": trouble.paused}
            log.warning("connection failed", connection=route.connection_id, **fields)
        elif route.trouble:
            await self.connections.recovered(route, self.clock())
            log.info("connection recovered", connection=route.connection_id)
        return stuck is None

    async def _contents(self, claims: Sequence[Claim]) -> Mapping[str, bytes]:
        return await self.outbox.contents({each.message_id for each in claims})


@dataclass(frozen=True, slots=True)
class Turn:
    """What a burst works with: the way, what its connection allows, and the seats it has here."""

    route: Route
    under: Allowance
    seats: Seats


class Burst:
    """Sends claims over the seats of one way out, in their order, until the connection fails."""

    def __init__(self, drain: Drain, turn: Turn, lease: Lease, way: Transport) -> None:
        self._drain = drain
        self._route = turn.route
        self._seats = turn.seats
        self._lease = lease
        self._way = way
        self._window = way.together.window if way.together else 1
        self.stuck: Stuck | None = None

    async def send(self, claims: Sequence[Claim], contents: Mapping[str, bytes]) -> None:
        """Send the first alone over a new connection: a login is not to be refused many times."""
        connection = (self._route.connection_id, self._route.version)
        if connection not in self._drain.proven:
            await self._seat(iter([claims[:1]]), contents)
            claims = claims[1:]
        if not self.stuck:
            self._drain.proven.add(connection)
        groups = list(grouped(claims, self._window))
        waiting = iter(groups)
        async with asyncio.TaskGroup() as seats:
            at_once = min(self._way.seats(len(claims)), len(groups), max(self._seats.count, 1))
            for _ in range(at_once):
                seats.create_task(self._seat(waiting, contents))

    async def _seat(
        self, waiting: Iterator[Sequence[Claim]], contents: Mapping[str, bytes]
    ) -> None:
        drain = self._drain
        seat = Seat(
            self._way, drain.settler, drain.outbox, drain.clock, provider=self._route.provider
        )
        for group in waiting:
            mails = self._mails(group, contents)
            while mails and self._goes_on:
                mails = await self._attempt(seat, mails)
            for claim, _ in mails:
                await drain.settler.add(claim, Returned(), drain.clock())
        await seat.settled()

    @property
    def _goes_on(self) -> bool:
        return not (self.stuck or self._drain.stopping.is_set()) and self._lease.holds

    def _mails(self, claims: Sequence[Claim], contents: Mapping[str, bytes]) -> Sequence[Mail]:
        """
        Put the envelopes on.

        A fault of ours must not stop the others. Its claim keeps its lease, and the message comes
        round again.
        """
        found: list[Mail] = []
        for claim in claims:
            content = contents[claim.message_id]
            try:
                mail = envelope(claim, content, self._route, self._drain.platform)
            except Exception:
                log.exception("delivery broke", recipient=claim.id)
            else:
                found.append((claim, mail))
        return found

    async def _attempt(self, seat: Seat, mails: Sequence[Mail]) -> Sequence[Mail]:
        """Try some of the mails; gives those that have to be tried again at once."""
        try:
            async with self._seats.one():
                outcomes = await seat.send(mails, self._lease)
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


def _batch(limits: Limits) -> int:
    """How many to claim: enough for each place on a connection to be worth its while."""
    return max(BATCH, min(_ROUNDS * limits.connections * limits.window, _BATCH_LIMIT))


def _chunks(claims: Sequence[Claim]) -> Iterator[Sequence[Claim]]:
    """Cut claims so that the bodies of each part fit into memory."""
    part: list[Claim] = []
    size = 0
    for claim in claims:
        if part and size + claim.size > _CHUNK:
            yield part
            part, size = [], 0
        part.append(claim)
        size += claim.size
    yield part
