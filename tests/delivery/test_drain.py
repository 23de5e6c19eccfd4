"""Draining a lane: what is sent, what is given back, and when a connection is left alone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from letterhead.delivery.drain import Drain, Seating
from letterhead.delivery.opening import Opening
from letterhead.delivery.rehearsal import Rehearsal
from letterhead.delivery.seats import OwnSeats, Seats
from letterhead.delivery.settling import Settled, Settler
from letterhead.delivery.standing import Standing
from letterhead.mail.letter import Begun, Claim, Lane, LaneKey, Route, Trouble
from letterhead.mail.limits import Allowance, Limits
from letterhead.mail.outcome import Returned, Sent, Stuck, Uncertain
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage
from letterhead.mail.sender import Platform
from letterhead.mail.server import Envelope
from letterhead.mail.settings import SmtpSettings
from letterhead.transports.base import BeforeDot, Line, Transport, Upcoming, Watch
from tests.delivery.test_settling import claim

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HART = (1, Lane.LIVE)
TAKEN = Reply(Stage.MESSAGE, 250, "2.0.0 Queued")
REFUSED = Reply(Stage.SIGN_IN, 535, "5.7.8 Bad credentials")
ROUTE = Route(
    connection_id=1,
    version=1,
    portal_id=1,
    portal_name="Hart & Co",
    settings=SmtpSettings(server="smtp.hart.test", from_address="office@hart.test"),
    sealed_password=None,
    trouble=None,
)


class World:
    """Outbox, connections and a way out in memory; what happened stands in its lists."""

    together = None

    def __init__(self, count: int, answer: Callable[[int], Answer] = lambda _: TAKEN) -> None:
        self.waiting = [claim(at) for at in range(count)]
        self.outcomes: list[Settled] = []
        self.sent: list[Envelope] = []
        self.stuck: list[Stuck] = []
        self.recoveries = self.probes = 0
        self.at_sign_in: Answer | None = None
        self.trouble: Trouble | None = None
        self.now = NOW
        self.places = 3
        self.at_once = self.most = 0
        self._answer = answer

    # The outbox

    async def claim(
        self,
        lane: LaneKey,
        lease: tuple[str, datetime],
        *,
        limit: int,
        now: datetime,
        under: Allowance | None = None,
    ) -> Sequence[Claim]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    async def begin(self, opening: Opening) -> Begun | None:
        route = await self.route(opening.lane, opening.now)
        if route is None or route.trouble:
            return None
        limit = opening.batch(route)
        claims = await self.claim(opening.lane, opening.lease, limit=limit, now=opening.now)
        return Begun(route, claims, is_all=len(claims) < limit)

    async def contents(self, message_ids: Iterable[str]) -> Mapping[str, bytes]:
        return dict.fromkeys(message_ids, b"Subject: x\r\n\r\nx\r\n")

    async def mark_dot(self, claim: Claim) -> bool:
        return True

    async def renew(self, lease: str, until: datetime) -> bool:
        return True

    async def settle(self, outcomes: Sequence[Settled]) -> None:
        self.outcomes += outcomes

    # Connections

    async def route(self, lane: LaneKey, now: datetime) -> Route | None:
        return replace(ROUTE, trouble=self.trouble)

    async def failed(self, route: Route, stuck: Stuck, now: datetime) -> Trouble:
        self.stuck.append(stuck)
        self.trouble = Trouble(
            paused=True,
            since=now,
            due=now + timedelta(minutes=5),
            failures=1,
            fault="login-refused",
        )
        return self.trouble

    async def recovered(self, route: Route, now: datetime) -> None:
        self.recoveries += 1
        self.trouble = None

    async def finish_test(self, message_id: str, values: Mapping[str, object]) -> None:
        raise AssertionError("no test was begun")

    # The way out

    async def of(self, route: Route) -> Transport:
        return self

    async def rest(self, connection_id: int) -> None:
        """No session is kept."""

    def fresh(self, route: Route) -> Transport:
        return self

    def seats(self, waiting: int) -> int:
        return self.places

    def line(self, upcoming: Upcoming) -> Line:
        return self

    async def send(self, envelope: Envelope, before_dot: BeforeDot) -> Answer:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0.001)
        answer = self._answer(len(self.sent))
        if not await before_dot():
            answer = Break(Stage.MESSAGE, Kind.STALE)
        self.sent.append(envelope)
        self.at_once -= 1
        return answer

    async def rehearse(self, envelope: Envelope, before_dot: BeforeDot, watch: Watch) -> Answer:
        raise AssertionError("no test was begun")

    async def probe(self) -> Answer | None:
        self.probes += 1
        return self.at_sign_in

    async def close(self) -> None:
        """There is nothing to close."""


async def drained(world: World, seats: Seating | None = None) -> bool:
    settler = Settler(world)
    platform = Platform("Desk", "no-reply@desk.test")
    rehearsal = Rehearsal(world, world, settler, platform=platform, clock=lambda: world.now)
    drain = Drain(
        outbox=world,
        connections=world,
        ways=world,
        standing=Standing(world, world, lambda: world.now),
        settler=settler,
        seats=seats or OwnSeats(),
        rehearsal=rehearsal,
        platform=platform,
        limits=Limits(connections=8),
        clock=lambda: world.now,
    )
    task = asyncio.create_task(settler.run())
    async with asyncio.timeout(20):
        more = await drain(HART)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return more


def kinds(world: World) -> list[type]:
    return [type(outcome) for _, outcome, _ in world.outcomes]


async def test_everything_that_waits_is_sent_over_no_more_seats_than_allowed() -> None:
    world = World(250)

    more = await drained(world)

    assert not more
    assert kinds(world) == [Sent] * 250
    assert len({each.id for each, _, _ in world.outcomes}) == 250
    assert world.most == 3


async def test_a_refused_login_is_tried_once_and_everything_goes_back() -> None:
    world = World(50, lambda _: REFUSED)

    await drained(world)

    assert len(world.sent) == 1
    assert kinds(world) == [Stuck] + [Returned] * 49
    assert len(world.stuck) == 1


async def test_a_connection_that_waits_is_left_alone() -> None:
    world = World(5)
    world.trouble = Trouble(
        paused=True, since=NOW, due=NOW + timedelta(seconds=1), failures=1, fault="login-refused"
    )

    await drained(world)

    assert (world.sent, len(world.waiting)) == ([], 5)


async def test_a_connection_whose_time_has_come_is_tried_with_one_mail_then_with_all() -> None:
    world = World(5)
    world.trouble = Trouble(paused=True, since=NOW, due=NOW, failures=1, fault="login-refused")

    await drained(world)

    assert world.recoveries == 1
    assert kinds(world) == [Sent] * 5


async def test_a_connection_that_still_fails_costs_one_mail_a_try() -> None:
    world = World(5, lambda _: REFUSED)
    world.trouble = Trouble(paused=True, since=NOW, due=NOW, failures=1, fault="login-refused")

    await drained(world)

    assert (len(world.sent), len(world.waiting)) == (1, 4)


@pytest.mark.parametrize(("answer", "recoveries"), [(None, 1), (REFUSED, 0)])
async def test_where_no_mail_waits_a_sign_in_is_the_probe(
    answer: Answer | None, recoveries: int
) -> None:
    world = World(0)
    world.at_sign_in = answer
    world.trouble = Trouble(paused=True, since=NOW, due=NOW, failures=1, fault="login-refused")

    await drained(world)

    assert (world.probes, world.recoveries) == (1, recoveries)
    assert len(world.stuck) == 1 - recoveries


@pytest.mark.parametrize(
    ("fault", "paused"),
    [("relay-denied", True), ("sender-not-allowed", True), ("login-refused", False)],
)
async def test_what_a_sign_in_cannot_tell_waits_for_a_mail(fault: str, *, paused: bool) -> None:
    world = World(0)
    world.trouble = Trouble(paused=paused, since=NOW, due=NOW, failures=1, fault=fault)

    await drained(world)

    assert (world.probes, world.recoveries) == (0, 0)


async def test_a_connection_that_breaks_in_the_middle_stops_the_rest() -> None:
    world = World(50, lambda at: TAKEN if at < 10 else REFUSED)

    await drained(world)

    assert kinds(world).count(Sent) == 10
    assert kinds(world).count(Returned) >= 50 - 10 - world.places
    assert len(world.stuck) == 1


async def test_a_worker_that_slept_over_its_lease_sends_no_final_dot() -> None:
    world = World(3)

    def asleep(_: int) -> Answer:
        world.now += timedelta(minutes=5)
        return TAKEN

    world._answer = asleep
    await drained(world)

    assert Sent not in kinds(world)
    assert set(kinds(world)) == {Returned}


@pytest.mark.parametrize("resend", [True, False])
async def test_what_broke_after_the_dot_is_uncertain(*, resend: bool) -> None:
    broken = Break(Stage.MESSAGE, Kind.CLOSED, after_dot=True)
    world = World(1, lambda _: broken)
    world.waiting = [replace(each, resend=resend) for each in world.waiting]

    await drained(world)

    [(_, outcome, _)] = world.outcomes
    assert isinstance(outcome, Uncertain)
    assert (outcome.until is not None) is resend


async def test_after_five_seconds_others_have_their_turn() -> None:
    world = World(250)

    def slow(_: int) -> Answer:
        world.now += timedelta(seconds=0.1)
        return TAKEN

    world._answer = slow
    more = await drained(world)

    assert more
    assert len(world.waiting) == 50


class Announcing(World):
    """A world with a session that has to carry the mail whose envelope it knows."""

    def __init__(self, count: int, places: int = 1) -> None:
        super().__init__(count)
        self.places = places
        self.announced: list[str] = []

    def line(self, upcoming: Upcoming) -> Line:
        return Announced(self, upcoming)


class Announced:
    """Hands over to its world, and asks what comes next when a dot has left."""

    def __init__(self, world: Announcing, upcoming: Upcoming) -> None:
        self._world = world
        self._upcoming = upcoming
        self._next: Envelope | None = None

    async def send(self, envelope: Envelope, before_dot: BeforeDot) -> Answer:
        assert self._next is None or self._next is envelope
        self._next = None
        answer = await self._world.send(envelope, before_dot)
        if isinstance(answer, Reply):
            self._next = self._upcoming()
        self._world.announced += [each.recipient for each in [self._next] if each]
        return answer


class OneSeat:
    """Whatever is allowed, there is one seat."""

    shared = False

    def __init__(self) -> None:
        self.found = Seats(1)

    @asynccontextmanager
    async def of(self, under: Allowance) -> AsyncIterator[Seats]:
        yield self.found


async def test_what_is_at_hand_is_announced_behind_the_mail_before_it() -> None:
    world = Announcing(20)

    await drained(world)

    assert kinds(world) == [Sent] * 20
    assert [claim.id for claim, _, _ in world.outcomes] == [str(at) for at in range(20)]
    assert len(world.announced) == 18  # not behind the first, which shows whether all is well


async def test_nothing_is_announced_while_somebody_waits_for_the_seat() -> None:
    world, seating = Announcing(50), OneSeat()
    sat = list[int]()
    waiting = list[asyncio.Task[None]]()

    async def other() -> None:
        async with seating.found.one():
            sat.append(len(world.sent))

    def answer(at: int) -> Answer:
        if at == 10:
            waiting.append(asyncio.create_task(other()))
        return TAKEN

    world._answer = answer
    await drained(world, seating)
    await asyncio.gather(*waiting)

    assert sat == [12]  # the mail under way, and the one that was announced behind it
    assert kinds(world) == [Sent] * 50


@pytest.mark.parametrize("what", ["stuck", "lease"])
async def test_what_is_announced_is_never_lost(what: str) -> None:
    world = Announcing(20)

    def answer(at: int) -> Answer:
        if at == 5 and what == "lease":
            world.now += timedelta(minutes=5)
        return REFUSED if at == 5 and what == "stuck" else TAKEN

    world._answer = answer
    await drained(world)

    assert sorted(int(claim.id) for claim, _, _ in world.outcomes) == [*range(20)]
    assert set(kinds(world)[:5]) == {Sent}
    assert kinds(world).count(Sent) <= 6
