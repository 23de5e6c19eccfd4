"""One attempt to hand a message over: how far it has come, and how long it may take."""

import time
from dataclasses import dataclass

from letterhead.errors import Unreachable
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage, sentence_of
from letterhead.transports.base import Passed, Watch
from letterhead.transports.replies import Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each phase may take in seconds (RFC 5321, section 4.5.3.2), and all together."""

    resolve: float
    connect: float
    greeting: float
    tls: float
    command: float  # EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET
    data: float
    block: float
    dot: float
    whole: float


PATIENT = Timeouts(
    resolve=10,
    connect=30,
    greeting=300,
    tls=60,
    command=300,
    data=120,
    block=180,
    dot=600,
    whole=3600,
)
BRISK = Timeouts(
    resolve=10,
    connect=15,
    greeting=15,
    tls=15,
    command=15,
    data=15,
    block=15,
    dot=20,
    whole=45,
)


class Handover:
    """
    Knows the stage that an attempt has reached, so that whatever breaks has a place.

    Each stage that is passed, and the one that is not, is told to `watch`. `failed_logins` is how
    many there were when it was asked for.
    """

    __slots__ = (
        *("_began", "_ends", "_watch"),
        *("after_dot", "failed_logins", "stage", "timeouts"),
    )

    def __init__(
        self, timeouts: Timeouts, watch: Watch | None = None, *, failed_logins: int = 0
    ) -> None:
        self.timeouts = timeouts
        self.failed_logins = failed_logins
        self.stage = Stage.RESOLVE
        self.after_dot = False
        self._watch = watch
        self._ends = time.monotonic() + timeouts.whole
        self._began = time.perf_counter() if watch else 0.0

    def within(self, seconds: float) -> float:
        """The part of `seconds` that the limit of the whole attempt leaves."""
        left = self._ends - time.monotonic()
        return min(left, seconds)

    def reach(self, stage: Stage) -> None:
        self.stage = stage
        if self._watch:
            self._began = time.perf_counter()

    def passed(self, how: Said | str) -> None:
        """The stage went well; it is told with its detail, or with the server's reply."""
        if self._watch:
            detail = how if isinstance(how, str) else _shown(how.to(self.stage))
            self._tell(self._watch, detail, ok=True)

    def failed(self, answer: Answer) -> None:
        """The stage did not go well, and none comes after it."""
        if self._watch:
            detail = _shown(answer) if isinstance(answer, Reply) else answer.detail
            self._tell(self._watch, detail, ok=False)

    def broken(self, error: Unreachable) -> Break:
        """The break that happened here and now."""
        return Break(self.stage, Kind(error.kind), sentence_of(error), after_dot=self.after_dot)

    def _tell(self, watch: Watch, detail: str, *, ok: bool) -> None:
        watch(Passed(self.stage, ok, (time.perf_counter() - self._began) * 1000, detail))


def _shown(reply: Reply) -> str:
    return f"{reply.code} {reply.text}"
