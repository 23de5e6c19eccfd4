"""The way out over SMTP: one message for one recipient, over sessions that are used again."""

import asyncio
import math
import ssl

from letterhead.egress import Egress
from letterhead.mail.reply import Answer, Reply
from letterhead.mail.server import Envelope, Server
from letterhead.transports.base import BeforeDot, Upcoming, Watch, nothing
from letterhead.transports.handover import BRISK, PATIENT, Handover, Timeouts
from letterhead.transports.line import SmtpLine
from letterhead.transports.session import Opening, Session
from letterhead.transports.sessions import SHARE, Sessions
from letterhead.transports.together import SmtpTogether


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

    def line(self, upcoming: Upcoming = nothing) -> SmtpLine:
        """A line over which the next envelope leaves with the final dot before it."""
        return SmtpLine(self._sessions, self._seats, self._timeouts, upcoming)

    async def send(self, envelope: Envelope, before_dot: BeforeDot) -> Answer:
        return await self.line().send(envelope, before_dot)

    async def rehearse(self, envelope: Envelope, before_dot: BeforeDot, watch: Watch) -> Answer:
        """Hand one message over by a new session, and tell each stage to `watch`."""
        handover = Handover(BRISK, watch, failed_logins=self._sessions.failed_logins)
        async with self._seats:
            answer = await self.line().anew(envelope, before_dot, handover)
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
