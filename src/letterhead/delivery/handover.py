"""Mail goes from who accepts it to who sends it, where both are one process."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from letterhead.delivery.drain import Drain
from letterhead.delivery.lanes import Lanes
from letterhead.delivery.lease import Lease
from letterhead.delivery.supply import Batch
from letterhead.mail.letter import Claim, LaneKey, Route
from letterhead.mail.limits import Allowance


class Opening:
    """A lane that is kept for mail on its way to the disk; fits `store.handing.Opening`."""

    def __init__(self, lane: LaneKey, lanes: Lanes, drain: Drain) -> None:
        self.lane = lane
        self.now = drain.clock()
        self._lanes = lanes
        self._drain = drain
        self._lease = Lease(drain.clock)

    @property
    def lease(self) -> tuple[str, datetime]:
        """The token and the end of what is claimed."""
        return self._lease.token, self._lease.until

    def allowance(self, route: Route) -> Allowance:
        """What may be claimed for a route."""
        return route.allowance(self._drain.limits)

    def begin(self, begun: tuple[Route, Sequence[Claim]], *, is_all: bool) -> None:
        """Send what was claimed."""
        route, claims = begun
        batch = Batch(claims, is_all)
        drain = partial(self._drain.go_on, route=route, lease=self._lease, batch=batch)
        self._lanes.begin(self.lane, drain)

    def let_go(self) -> None:
        """There is nothing to send at once."""
        self._lanes.let_go(self.lane)


class Handover:
    """Opens lanes that nobody works on; fits `store.handing.Hands`."""

    def __init__(self, lanes: Lanes, drain: Drain) -> None:
        self._lanes = lanes
        self._drain = drain

    async def open(self, lane: LaneKey) -> Opening | None:
        """Keep a lane, unless it waits, somebody is at work on it, or all hands are full."""
        if self._drain.rests(lane) or not await self._lanes.reserve(lane):
            return None
        return Opening(lane, self._lanes, self._drain)

    def wake(self, lane: LaneKey) -> None:
        """Say that there may be something to do on a lane."""
        self._lanes.wake(lane)
