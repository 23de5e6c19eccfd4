"""The way out over SMTP: one message for one recipient, over sessions that are used again."""

import asyncio
import math
import ssl

from letterhead.egress import Egress
from letterhead.errors import Unreachable
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage
from letterhead.mail.server import Envelope, Server
from letterhead.transports.base import BeforeDot, Watch
from letterhead.transports.handover import BRISK, PATIENT, Handover, Timeouts
from letterhead.transports.session import Opening, Session
from letterhead.transports.sessions import SHARE, Sessions
from letterhead.transports.together import SmtpTogether
from letterhead.transports.transaction import CLOSING, transact


class SmtpTransport:
    """Hands messages to one server, over `server.connections` connections at most."""

    def __init__(
        self,
        server: Server,
        egress: Egress,
        *,
        tls: ssl.SSLContext,
        ehlo: str,
        timeouts: Timeouts = PATIENT,
    ) -> None:
        self._connections = server.connections
        self._timeouts = timeouts
        self._sessions = Sessions(Opening(server, egress, tls, ehlo))
        self._seats = asyncio.Semaphore(server.connections)
        self.together = self._together(server.window) if server.window > 1 else None

    def seats(self, waiting: int) -> int:
        """Those of the sessions that are open, or one for some messages each, if that is more."""
        worth = max(self._sessions.idle, math.ceil(waiting / SHARE))
        return min(worth, self._connections)

    async def send(self, envelope: Envelope, before_dot: BeforeDot) -> Answer:
        """
        Hand one message over.

        A server may hang up on an idle session at any time, so what it says to the first command
        over a used one does not count: the message is tried once more over a new session.
        """
        seen = self._sessions.failed_logins
        async with self._seats:
            if session := self._sessions.waiting():
                handover = Handover(self._timeouts)
                answer = await self._over(session, envelope, before_dot, handover)
                if not _hung_up(answer):
                    return answer
            handover = Handover(self._timeouts, failed_logins=seen)
            return await self._anew(envelope, before_dot, handover)

    async def rehearse(self, envelope: Envelope, before_dot: BeforeDot, watch: Watch) -> Answer:
        """Hand one message over by a new session, and tell each stage to `watch`."""
        handover = Handover(BRISK, watch, failed_logins=self._sessions.failed_logins)
        async with self._seats:
            answer = await self._anew(envelope, before_dot, handover)
        if isinstance(answer, Reply) and answer.positive:
            handover.passed(f"{answer.code} {answer.text}")
        else:
            handover.failed(answer)
        return answer

    async def probe(self) -> Answer | None:
        """Open a session and sign in; it is kept for the next message."""
        handover = Handover(BRISK, failed_logins=self._sessions.failed_logins)
        async with self._seats:
            found = await self._sessions.fresh(handover)
            if not isinstance(found, Session):
                return found
            self._sessions.keep(found)
        return None

    async def close(self) -> None:
        await self._sessions.close()

    def _together(self, window: int) -> SmtpTogether:
        return SmtpTogether(
            window=window,
            sessions=self._sessions,
            seats=self._seats,
            alone=self.send,
            timeouts=self._timeouts,
        )

    async def _anew(self, envelope: Envelope, before_dot: BeforeDot, handover: Handover) -> Answer:
        found = await self._sessions.fresh(handover)
        if not isinstance(found, Session):
            return found
        return await self._over(found, envelope, before_dot, handover)

    async def _over(
        self, session: Session, envelope: Envelope, before_dot: BeforeDot, handover: Handover
    ) -> Answer:
        try:
            answer = await transact(session, envelope, before_dot, handover)
        except Unreachable as error:
            session.wire.abort()
            return handover.broken(error)
        except BaseException:
            session.wire.abort()
            raise
        self._sessions.keep(session)
        return answer


def _hung_up(answer: Answer) -> bool:
    """Whether a used session was over before the message had begun."""
    if answer.stage is not Stage.SENDER:
        return False
    if isinstance(answer, Break):
        return answer.kind is Kind.CLOSED
    return answer.code == CLOSING
