"""What becomes of one recipient after an attempt, and of the connection."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from letterhead.mail import faults, pause, retry
from letterhead.mail.faults import Fault, Repair
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage


class Status(StrEnum):
    """How a recipient stands; `held` is a queued one behind a paused connection."""

    QUEUED = "queued"
    SENDING = "sending"
    HELD = "held"
    SENT = "sent"
    CAPTURED = "captured"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"
    DELIVERED = "delivered"  # this and what follows is reported by the way out, after `sent`
    BOUNCED = "bounced"
    COMPLAINED = "complained"

    @property
    def is_open(self) -> bool:
        """Whether something may still become of the recipient, by itself or by a person."""
        return self in {Status.QUEUED, Status.SENDING, Status.HELD, Status.UNCERTAIN}


# What the next server has taken, whatever became of it there.
TAKEN = frozenset(
    {Status.SENT, Status.CAPTURED, Status.DELIVERED, Status.BOUNCED, Status.COMPLAINED}
)


@dataclass(frozen=True, slots=True)
class Sent:
    """The next server has answered 250, or the mail was captured."""

    reply: Reply
    status: Status


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now; try again at `until`."""

    answer: Answer
    fault: Fault
    until: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """Never; the reason is the recipient's or the message's own."""

    answer: Answer
    fault: Fault


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The connection broke after the final dot: it may have arrived (RFC 1047)."""

    answer: Answer
    fault: Fault
    until: (
        datetime | None
    )  # when it is sent again with the same Message-ID; None waits for a person


@dataclass(frozen=True, slots=True)
class Stuck:
    """The connection is at fault, not the mail, which goes back to where it was."""

    answer: Answer
    fault: Fault

    def due(self, failures: int, *, now: datetime, paused: bool, key: str) -> datetime:
        """Say when a connection that failed `failures` times in a row may be tried again."""
        gently = paused or self._may_be_a_refusal
        usual = retry.next_connection(failures, now=now, gently=gently)
        due = _due(self.answer, self.fault, usual, now=now)
        if gently:  # no server may talk us into signing in more often
            return max(usual, due)
        return retry.scattered(due, now=now, key=key) if self.fault.scatter else due

    @property
    def _may_be_a_refusal(self) -> bool:
        """Whether the login had no answer: some servers hang up instead of refusing it."""
        return isinstance(self.answer, Break) and self.answer.stage is Stage.SIGN_IN


@dataclass(frozen=True, slots=True)
class Returned:
    """Nothing was tried: the lease was over, or the worker stops."""


Outcome = Sent | Deferred | Failed | Uncertain | Stuck | Returned


@dataclass(frozen=True, slots=True)
class Attempt:
    """What judging needs to know of the attempt: whose, which number, what if it stays unknown."""

    key: str
    number: int
    resend: bool


def judge(answer: Answer, attempt: Attempt, *, now: datetime, provider: str = "") -> Outcome:
    """Say what an answer of a provider's server means for the recipient and the connection."""
    if isinstance(answer, Reply) and answer.positive:
        return Sent(answer, Status.CAPTURED if answer.captured else Status.SENT)
    if isinstance(answer, Break) and answer.kind is Kind.STALE:
        return Returned()
    fault = faults.of(answer, provider=provider)
    later = retry.next_attempt(attempt.number, now=now, key=attempt.key)
    if isinstance(answer, Break) and answer.after_dot:
        return Uncertain(answer, fault, later if attempt.resend else None)
    return _unsent(answer, fault, later, now=now)


def _unsent(answer: Answer, fault: Fault, later: datetime, *, now: datetime) -> Outcome:
    if fault.retry is Repair.NO:
        return Failed(answer, fault)
    if fault.of_connection:
        return Stuck(answer, fault)
    return Deferred(answer, fault, _due(answer, fault, later, now=now))


def _due(answer: Answer, fault: Fault, usual: datetime, *, now: datetime) -> datetime:
    """When the server asks for us, when a quota is free again, or else the usual time."""
    asked = pause.asked(answer.sentence) if isinstance(answer, Reply) else None
    if asked:
        return now + asked
    free = now + fault.hold
    return free if fault.retry is Repair.WINDOW else max(usual, free)
