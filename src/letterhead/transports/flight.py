"""
Several mail transactions under way at once over one session.

Each is MAIL, RCPT and one BDAT (RFC 3030). All leave in one write, and are answered in their order
(RFC 2920).
"""

from collections import deque
from collections.abc import Callable, Sequence

from letterhead import failpoints
from letterhead.errors import Unreachable
from letterhead.mail.reply import Answer, Reply, Stage
from letterhead.mail.server import Envelope
from letterhead.transports.handover import Handover
from letterhead.transports.replies import Said
from letterhead.transports.session import OK, Offers, Session, out_of_step
from letterhead.transports.transaction import (
    CLOSING,
    OK_LIMIT,
    REFUSED,
    envelope_lines,
    unsendable,
    whole_lines,
)
from letterhead.transports.wire import LEAVE_LIMIT

_NO_BDAT = range(500, 505)  # the command is refused, and not the message (RFC 5321, section 4.2.1)

Told = Callable[[int, Answer], None]


class Flight:
    """
    Hands messages over; `told` gets the number and the answer of each as it comes.

    Of whom nothing is told has not been taken: the server hung up before it (421), or refused BDAT
    as a command.
    """

    def __init__(self, session: Session, handover: Handover, told: Told) -> None:
        self._session = session
        self._wire = session.wire
        self._handover = handover
        self._told = told
        self.closing = False  # whether the server has said that it hangs up
        self.knows_bdat: bool | None = None  # None: it has not shown

    async def fly(self, envelopes: Sequence[Envelope]) -> None:
        """Write all of them at once, and hear what becomes of each."""
        flying = self._begin(envelopes)
        await failpoints.reach_behind_writes("dotted")
        try:
            while flying:
                if reply := await self._landed():
                    self._told(flying[0], reply)
                flying.popleft()
        except Unreachable as error:
            self._wire.abort()
            if not self.closing:
                for each in flying:
                    self._told(each, self._handover.broken(error))

    def _begin(self, envelopes: Sequence[Envelope]) -> deque[int]:
        """Write them, and say which; what cannot be sent has its answer at once."""
        flying: deque[int] = deque()
        text: list[bytes] = []
        for at, envelope in enumerate(envelopes):
            if problem := unsendable(envelope, self._session.offers):
                self._told(at, problem)
            else:
                flying.append(at)
                text += _transaction(envelope, self._session.offers)
        self._session.begun = True  # where the last recipient is refused
        self._handover.reach(Stage.MESSAGE)
        self._handover.after_dot = True
        self._wire.say(b"".join(text), replies=4 * len(flying))
        return flying

    async def _landed(self) -> Reply | None:
        """What the server says of the next message; None if that is no answer to the message."""
        limits = self._handover.timeouts
        refusal = await self._reset()
        last: Said | None = None
        for stage, seconds in (
            (Stage.SENDER, limits.command),
            (Stage.RECIPIENT, limits.command),
            (Stage.MESSAGE, limits.dot),
        ):
            try:
                last = await self._heard(seconds)
            except Unreachable:
                if refusal is None:
                    raise
                last = None  # it was refused before the connection broke
                break
            refusal = refusal or _refusal(last, stage)
        return self._judged(refusal, last)

    async def _reset(self) -> Reply | None:
        """RSET goes before each: a recipient that was refused leaves a transaction open."""
        said = await self._heard(self._handover.timeouts.command)
        if said.code not in {OK, CLOSING}:
            raise out_of_step(said)
        return _refusal(said, Stage.SENDER)

    def _judged(self, refusal: Reply | None, last: Said | None) -> Reply | None:
        """Tell what was said of the message from what was said of the session, or of BDAT."""
        hung_up = refusal is not None and (refusal.stage, refusal.code) == (Stage.SENDER, CLOSING)
        if last and last.code < REFUSED and (refusal is None or hung_up):
            self.knows_bdat = True
            return last.to(Stage.MESSAGE)
        if refusal and refusal.stage is Stage.MESSAGE and refusal.code in _NO_BDAT:
            self.knows_bdat = False
            return None
        return None if hung_up else refusal

    async def _heard(self, seconds: float) -> Said:
        limit = min(seconds, LEAVE_LIMIT) if self.closing else seconds
        said = await self._wire.reply(self._handover.within(limit))
        self.closing = said.code == CLOSING or (self.closing and said.code >= REFUSED)
        return said


def _transaction(envelope: Envelope, offers: Offers) -> list[bytes]:
    body = whole_lines(envelope.content)
    return [
        b"RSET\r\n",
        *envelope_lines(envelope, offers, body),
        b"BDAT %d LAST\r\n" % len(body),
        body,
    ]


def _refusal(said: Said, stage: Stage) -> Reply | None:
    if said.code >= REFUSED:
        return said.to(stage)
    if not OK <= said.code < OK_LIMIT:
        raise out_of_step(said)
    return None
