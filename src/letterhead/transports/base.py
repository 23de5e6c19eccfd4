"""What every way out can do."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from letterhead.mail.reply import Answer, Break, Kind, Stage
from letterhead.mail.said import said
from letterhead.mail.server import Envelope

# Awaited when everything is sent but the final dot. False means: do not send it.
BeforeDot = Callable[[], Awaitable[bool]]

# Asked when a final dot leaves: which message is handed over next, for certain, over the same line.
Upcoming = Callable[[], Envelope | None]


@dataclass(frozen=True, slots=True)
class Passed:
    """One stage of a delivery, as a test shows it; `ms` is how long it took in milliseconds."""

    stage: Stage
    ok: bool
    ms: float
    detail: str


Watch = Callable[[Passed], None]


def nothing() -> Envelope | None:
    """No message is known to come next."""
    return None


def stale() -> Break:
    """Nothing was handed over: the time for this attempt was over."""
    return Break(Stage.MESSAGE, Kind.STALE, said("The time for this attempt was over."))


class Together(Protocol):
    """Hands several messages over at once, over one session."""

    @property
    def window(self) -> int:
        """How many at most."""
        ...

    async def send(
        self,
        envelopes: Sequence[Envelope],
        before_dot: BeforeDot,
        told: Callable[[int, Answer], None],
    ) -> None:
        """
        Hand some of them over, the first at least; `told` gets the number and the answer of each.

        Of whom nothing is told has not been taken, and is to be handed over again.
        """
        ...


class Line(Protocol):
    """Takes messages one after the other."""

    async def send(self, envelope: Envelope, before_dot: BeforeDot) -> Answer:
        """
        Hand one message over for one recipient, over a session that may be open already.

        Whatever the outside world does is an answer, never an exception.
        """
        ...


class Transport(Line, Protocol):
    """A way out for mail."""

    def seats(self, waiting: int) -> int:
        """How many messages are best under way at once, where so many wait."""
        ...

    @property
    def together(self) -> Together | None:
        """How several messages are handed over at once, where that is wanted."""
        ...

    def line(self, upcoming: Upcoming) -> Line:
        """A line for one who sends message after message, and knows what is upcoming."""
        ...

    async def rehearse(self, envelope: Envelope, before_dot: BeforeDot, watch: Watch) -> Answer:
        """Do the same over a new session with short time-outs, and tell each stage to `watch`."""
        ...

    async def probe(self) -> Answer | None:
        """Open a new session and sign in; None if that works, else what went wrong."""
        ...

    async def close(self) -> None:
        """Take leave of every open session."""
        ...
