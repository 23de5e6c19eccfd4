"""A line of messages over one session: the next one's envelope leaves with the final dot."""

import asyncio

from letterhead.errors import Unreachable
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage
from letterhead.mail.server import Envelope
from letterhead.transports.base import BeforeDot, Upcoming, nothing
from letterhead.transports.handover import Handover, Timeouts
from letterhead.transports.session import Session
from letterhead.transports.sessions import Sessions
from letterhead.transports.transaction import CLOSING, transact

_FOR_GOOD = 500  # and above
_STUMBLES = (Kind.PROTOCOL, Kind.TIMED_OUT)


class SmtpLine:
    """
    Hands messages over, one after the other.

    Where the server offers PIPELINING, the envelope of the next one leaves behind the final dot of
    the one before (RFC 2920, section 3.1), so that a message takes one round trip. The session, and
    its seat, stay with the line until that message comes. Its text leaves when the server has
    agreed to it, and never if `before_dot` says no: then the connection is closed.
    """

    def __init__(
        self,
        sessions: Sessions,
        seats: asyncio.Semaphore,
        timeouts: Timeouts,
        upcoming: Upcoming = nothing,
    ) -> None:
        self._sessions = sessions
        self._seats = seats
        self._timeouts = timeouts
        self._upcoming = upcoming
        self._kept: Session | None = None  # to which the next envelope is announced

    async def send(self, envelope: Envelope, before_dot: BeforeDot) -> Answer:
        """
        Hand one message over.

        A server may hang up on an idle session at any time, so what it says to the first command
        over a used one does not count: the message is tried once more over a new session.
        """
        seen = self._sessions.failed_logins
        if not self._kept:
            await self._seats.acquire()
        try:
            return await self._send(envelope, before_dot, seen)
        finally:
            if not self._kept:
                self._seats.release()

    async def anew(self, envelope: Envelope, before_dot: BeforeDot, handover: Handover) -> Answer:
        """Hand one message over by a new session; whoever calls has a seat."""
        found = await self._sessions.fresh(handover)
        if not isinstance(found, Session):
            return found
        return await self._over(found, envelope, before_dot, handover)

    async def _send(self, envelope: Envelope, before_dot: BeforeDot, seen: int) -> Answer:
        if session := self._announced(envelope):
            answer = await self._over(session, envelope, before_dot, Handover(self._timeouts))
            if not (_hung_up(answer) or self._came_too_early(answer)):
                return answer
        if session := self._sessions.waiting():
            answer = await self._over(session, envelope, before_dot, Handover(self._timeouts))
            if not _hung_up(answer):
                return answer
        handover = Handover(self._timeouts, failed_logins=seen)
        return await self.anew(envelope, before_dot, handover)

    def _announced(self, envelope: Envelope) -> Session | None:
        """The session that waits for the text of this message, and of no other."""
        session, self._kept = self._kept, None
        if session and session.announced and session.announced.envelope is not envelope:
            session.wire.abort()
            return None
        return session

    async def _over(
        self, session: Session, envelope: Envelope, before_dot: BeforeDot, handover: Handover
    ) -> Answer:
        upcoming = self._upcoming if self._sessions.may_announce(session) else nothing
        try:
            answer = await transact(session, envelope, before_dot, handover, upcoming=upcoming)
        except Unreachable as error:
            session.wire.abort()
            if session.announced:
                self._sessions.doubt()
            return handover.broken(error)
        except BaseException:
            session.wire.abort()
            raise
        self._keep(session, answer)
        return answer

    def _keep(self, session: Session, answer: Answer) -> None:
        """Keep the session for the message that was announced, or for any."""
        if not session.announced:
            self._sessions.keep(session)
        elif isinstance(answer, Reply) and answer.code == CLOSING:
            session.wire.abort()  # it would answer nothing more
        else:
            session.messages += 1
            self._kept = session

    def _came_too_early(self, answer: Answer) -> bool:
        """
        Whether the server may have stumbled over an envelope that came with a final dot.

        No text has left, so the message is tried again without; and for a while nothing is
        announced to this server.
        """
        if isinstance(answer, Reply):
            stumbled = answer.stage is Stage.SENDER and answer.code >= _FOR_GOOD
        else:
            stumbled = answer.kind in _STUMBLES and not answer.after_dot
        if stumbled:
            self._sessions.doubt()
        return stumbled


def _hung_up(answer: Answer) -> bool:
    """Whether a used session was over before the message had begun."""
    if answer.stage is not Stage.SENDER:
        return False
    if isinstance(answer, Break):
        return answer.kind is Kind.CLOSED
    return answer.code == CLOSING
