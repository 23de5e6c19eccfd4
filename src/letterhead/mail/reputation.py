"""How much of a portal's mail bounces or is complained of, and when that is too much."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from letterhead.mail import faults
from letterhead.mail.outcome import Stuck
from letterhead.mail.reply import Reply, Stage

SPAN = timedelta(days=7)  # that is looked at
TRUCE = timedelta(days=1)  # after a person has let mail flow again

_REFUSED = 554


class Verdict(StrEnum):
    """What follows from a rate."""

    WARN = "warn"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of a portal's mails."""

    sent: int
    bounced: int  # for good
    complained: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Shares of the mail that are too large; below `at_least` cases they say nothing."""

    of: str  # a field of Counts
    words: str
    warn: float
    pause: float
    at_least: int


# Amazon SES looks into an account from 5 % and 0.1 %, and stops it from 10 % and 0.5 %.
LIMITS = (
    Limit(of="bounced", words="Too many bounces", warn=0.03, pause=0.08, at_least=20),
    Limit(of="complained", words="Too many complaints", warn=0.0008, pause=0.003, at_least=5),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A share that is too large."""

    verdict: Verdict
    limit: Limit
    share: float
    sent: int

    @property
    def words(self) -> str:
        return f"{self.share:.2%} of {self.sent} mails in {SPAN.days} days"

    @property
    def stuck(self) -> Stuck:
        """Why the connection is paused, as if a server had said so."""
        answer = Reply(Stage.MESSAGE, _REFUSED, f"{self.limit.words}: {self.words}")
        return Stuck(answer, faults.of(answer))


def judge(counts: Counts) -> Sequence[Finding]:
    """Everything that is too much, with what follows from it."""
    return [found for limit in LIMITS if (found := _found(limit, counts))]


def _found(limit: Limit, counts: Counts) -> Finding | None:
    cases: int = getattr(counts, limit.of)
    share = cases / max(counts.sent, cases, 1)
    if cases < limit.at_least or share < limit.warn:
        return None
    verdict = Verdict.PAUSE if share >= limit.pause else Verdict.WARN
    return Finding(verdict, limit, share, counts.sent)
