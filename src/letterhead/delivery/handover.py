"""Mail goes from who accepts it to who sends it, where both are one process."""

from letterhead.delivery.drain import Drain
from letterhead.delivery.lanes import Lanes
from letterhead.delivery.lease import Lease
from letterhead.delivery.opening import Opening
from letterhead.mail.letter import Begun, LaneKey


class Kept(Opening):
    """A lane that is kept for mail on its way to the disk; fits `store.handing.Kept`."""

    def __init__(self, lane: LaneKey, lanes: Lanes, drain: Drain) -> None:
        super().__init__(lane, Lease(drain.clock), drain.limits, drain.clock())
        self._lanes = lanes
        self._drain = drain

    def begin(self, begun: Begun) -> None:
        """Send what was claimed."""
        self._lanes.begin(self.lane, lambda _: self._drain.go_on(self, begun))

    def let_go(self) -> None:
        """There is nothing to send at once."""
        self._lanes.let_go(self.lane)


class Handover:
    """Keeps lanes that nobody works on; fits `store.handing.Hands`."""

    def __init__(self, lanes: Lanes, drain: Drain) -> None:
        self._lanes = lanes
        self._drain = drain

    async def open(self, lane: LaneKey) -> Kept | None:
        """Keep a lane, unless it rests, waits, is worked on already, or all hands are full."""
        if self._drain.rests(lane) or not await self._lanes.reserve(lane):
            return None
        return Kept(lane, self._lanes, self._drain)

    def wake(self, lane: LaneKey) -> None:
        """Say that there may be something to do on a lane."""
        self._lanes.wake(lane)
