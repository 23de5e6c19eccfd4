"""What a burst offers a lane before it knows its route."""

from datetime import datetime

from letterhead.delivery.lease import Lease
from letterhead.delivery.seats import batch_under
from letterhead.mail.letter import LaneKey, Route
from letterhead.mail.limits import Allowance, Limits


class Opening:
    """A lane, and the lease under which its mail may be claimed; fits `store.handing.Opening`."""

    def __init__(self, lane: LaneKey, lease: Lease, platform: Limits, now: datetime) -> None:
        self.lane = lane
        self.now = now
        self.kept_by = lease
        self._platform = platform

    @property
    def lease(self) -> tuple[str, datetime]:
        """The token and the end of what is claimed."""
        return self.kept_by.token, self.kept_by.until

    def allowance(self, route: Route) -> Allowance:
        """What the connection allows."""
        return route.allowance(self._platform)

    def batch(self, route: Route) -> int:
        """How many to claim at a time."""
        return batch_under(self.allowance(route).limits)
