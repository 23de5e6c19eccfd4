"""Hands for mail that is just accepted, which note what they get."""

from dataclasses import dataclass, field
from datetime import datetime

from letterhead.mail.letter import Begun, LaneKey, Route
from letterhead.mail.limits import Allowance, Limits
from tests.store.conftest import NOW


@dataclass
class Hands:
    """Notes what it is given; a lane is free unless it is busy."""

    lease: tuple[str, datetime]
    now: datetime = NOW
    limits: Limits = field(default_factory=lambda: Limits(connections=5))
    busy: set[LaneKey] = field(default_factory=set)
    begun: list[Begun] = field(default_factory=list)
    woken: list[LaneKey] = field(default_factory=list)
    fault: Exception | None = None

    async def open(self, lane: LaneKey) -> "Kept | None":
        if lane in self.busy:
            return None
        self.busy.add(lane)
        return Kept(lane, self, self.now, self.lease)

    def wake(self, lane: LaneKey) -> None:
        self.woken.append(lane)


@dataclass
class Kept:
    lane: LaneKey
    hands: Hands
    now: datetime
    lease: tuple[str, datetime]

    def allowance(self, route: Route) -> Allowance:
        if self.hands.fault:
            raise self.hands.fault
        return route.allowance(self.hands.limits)

    def batch(self, _: Route) -> int:
        return 100

    def begin(self, begun: Begun) -> None:
        self.hands.begun.append(begun)

    def let_go(self) -> None:
        self.hands.busy.remove(self.lane)
