"""How fast a connection may be used, and how often at once: what providers allow."""

from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WINDOW = 8  # messages under way at once over one connection, at most


@dataclass(frozen=True, slots=True)
class Pace:
    """
    At most `count` messages in any stretch of `period`, wherever it begins.

    The generic cell rate algorithm (ITU-T I.371) with one time as its whole state: up to when the
    connection is used up. A quarter may go at once; the rest is spread over the period, so that
    both together are never more than `count`.
    """

    count: int
    period: timedelta

    @property
    def burst(self) -> int:
        return max(self.count // 4, 1)

    @property
    def step(self) -> timedelta:
        """The time that one message uses up; rounded up, so that no part of one slips through."""
        steps = self.count - self.burst + 1
        return -(-self.period // timedelta.resolution // steps) * timedelta.resolution

    def spare(self, used: datetime | None, now: datetime) -> int:
        """How many may go now, of a connection that is used up until `used`."""
        ahead = max(used - now, timedelta()) if used else timedelta()
        return max((self.burst * self.step - ahead) // self.step, 0)

    def after(self, count: int, used: datetime | None, now: datetime) -> datetime:
        """Up to when the connection is used up when `count` more have gone."""
        return max(used or now, now) + count * self.step

    def free(self, used: datetime) -> datetime:
        """When the next one may go."""
        return used - (self.burst - 1) * self.step


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection allows; a pace that is None is not limited."""

    connections: int  # open at once
    window: int = 1  # messages under way at once over each
    per_minute: int | None = None
    per_day: int | None = None

    @property
    def paces(self) -> tuple[Pace | None, Pace | None]:
        """The short one and the long one."""
        return (
            Pace(self.per_minute, MINUTE) if self.per_minute else None,
            Pace(self.per_day, DAY) if self.per_day else None,
        )

    @property
    def paced(self) -> bool:
        return bool(self.per_minute or self.per_day)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whose limits are to be kept: a connection, and the version of its settings."""

    connection_id: int
    version: int
    limits: Limits
