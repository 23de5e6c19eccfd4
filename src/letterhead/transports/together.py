"""Several messages at once over one session, where the server can and the settings want it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from letterhead.mail.reply import Answer
from letterhead.mail.server import Envelope
from letterhead.transports.base import BeforeDot, stale
from letterhead.transports.flight import Flight, Told
from letterhead.transports.handover import Handover, Timeouts
from letterhead.transports.session import Session
from letterhead.transports.sessions import MESSAGES, Sessions

_MOMENT = 1.0  # seconds; who was idle for longer may have been hung up on

Alone = Callable[[Envelope, BeforeDot], Awaitable[Answer]]


@dataclass(slots=True, kw_only=True)
class SmtpTogether:
    """
    Hands over as many as `window` at once, each by one BDAT (RFC 3030).

    Only a session that is new, or was used a moment ago, carries several: on any other a break
    would leave more unknown than it need. The first message that goes so shows whether the server
    knows what it offers; one that does not gets DATA from then on.
    """

    window: int
    sessions: Sessions
    seats: asyncio.Semaphore  # one is taken by each session in use
    alone: Alone
    timeouts: Timeouts
    _at_once: int = 1  # as many as have proven right; 0: by DATA

    async def send(self, envelopes: Sequence[Envelope], before_dot: BeforeDot, told: Told) -> None:
        """Hand over the first ones at once, or the first alone."""
        handover = Handover(self.timeouts, failed_logins=self.sessions.failed_logins)
        async with self.seats:
            found = self._at_hand() or await self._fresh(handover)
            if isinstance(found, Session):
                await self._fly(found, envelopes, before_dot, told)
                return
        told(0, found or await self.alone(envelopes[0], before_dot))

    def _at_hand(self) -> Session | None:
        """A session that may carry several, if one is open."""
        session = self.sessions.waiting(within=_MOMENT) if self._at_once else None
        return self._able(session) if session else None

    async def _fresh(self, handover: Handover) -> Session | Answer | None:
        """A new session if no other is open and the server has shown what it can, or why not."""
        if self._at_once <= 1 or self.sessions.idle:
            return None
        found = await self.sessions.fresh(handover)
        return self._able(found) if isinstance(found, Session) else found

    def _able(self, session: Session) -> Session | None:
        """The session if it can carry several; else all go by DATA from now on."""
        if session.offers.several:
            return session
        self._at_once = 0
        self.sessions.keep(session, 0)
        return None

    async def _fly(
        self, session: Session, envelopes: Sequence[Envelope], before_dot: BeforeDot, told: Told
    ) -> None:
        count = min(self._at_once, len(envelopes), MESSAGES - session.messages)
        flight = Flight(session, Handover(self.timeouts), told)
        try:
            if not await before_dot():
                told(0, stale())
            elif session.wire.quiet:
                await flight.fly(envelopes[:count])
        except BaseException:
            session.wire.abort()
            raise
        if flight.knows_bdat is not None:
            self._at_once = self.window if flight.knows_bdat else 0
        if flight.closing or not self._at_once:
            session.wire.abort()
        else:
            self.sessions.keep(session, count)
