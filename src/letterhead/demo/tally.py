"""The sums of the demo: what was accepted, what arrived, and how long that took."""

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the messages; times are in seconds."""

    accepted: int
    sent: int
    failed: int
    duplicates: int
    seconds: float
    p50: float
    p99: float

    @property
    def complete(self) -> bool:
        return self.sent == self.accepted and not self.failed and not self.duplicates

    @property
    def rows(self) -> Mapping[str, str]:
        """The table that the demo prints."""
        return {
            "accepted": f"{self.accepted:,}",
            "sent": f"{self.sent:,}",
            "failed": f"{self.failed:,}",
            "duplicates": f"{self.duplicates:,}",
            "messages/s": f"{self.sent / self.seconds:,.0f}",
            "accept to sent, p50": f"{self.p50 * 1000:,.0f} ms",
            "accept to sent, p99": f"{self.p99 * 1000:,.0f} ms",
        }


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What the mail server wrote into its journal: when each message came first, and how often."""

    first: Mapping[str, float]
    times: Mapping[str, int]


def arrivals(journal: Path) -> Arrivals:
    """Read the journal as far as it is written; a line is one message for one recipient."""
    first: dict[str, float] = {}
    times: Counter[str] = Counter()
    for line in journal.read_text("ascii").splitlines():
        message_id, _, at = line.split()
        name = message_id.strip("<>").partition("@")[0]
        first.setdefault(name, float(at))
        times[name] += 1
    return Arrivals(first, times)


def tally(accepted: Mapping[str, float], found: Arrivals, *, failed: int, began: float) -> Tally:
    """Do the sums; `accepted` says when the 202 for each message came."""
    arrived = {name: at for name, at in found.first.items() if name in accepted}
    waits = sorted(max(0.0, at - accepted[name]) for name, at in arrived.items()) or [0.0]
    cuts = statistics.quantiles(waits, n=100, method="inclusive") if len(waits) > 1 else waits * 99
    return Tally(
        accepted=len(accepted),
        sent=len(arrived),
        failed=failed,
        duplicates=sum(found.times[name] - 1 for name in arrived),
        seconds=max([*arrived.values(), began]) - began or 1e-9,
        p50=cuts[49],
        p99=cuts[98],
    )
