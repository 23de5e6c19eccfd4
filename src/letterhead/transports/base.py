"""What every way out can do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from letterhead.mail.reply import Answer, Stage
from letterhead.mail.server import Envelope

# Awaited when everything is sent but the final dot. False means: do not send it.
BeforeDot = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Passed:
    """One stage of a delivery, as a test shows it; `ms` is how long it took in milliseconds."""

    stage: Stage
    ok: bool
    ms: float
    detail: str


Watch = Callable[[Passed], None]


class Transport(Protocol):
    """A way out for mail."""

    @property
    def connections(self) -> int:
        """How many messages may be under way at once."""
        ...

    async def send(self, envelope: Envelope, before_dot: BeforeDot) -> Answer:
        """
        Hand one message over for one recipient, over a session that may be open already.

        Whatever the outside world does is an answer, never an exception.
        """
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
