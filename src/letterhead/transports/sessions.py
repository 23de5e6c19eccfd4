"""A few open sessions with one server: used again while fresh, and taken leave of in time."""

import asyncio
import math
from time import monotonic

from letterhead.errors import Unreachable
from letterhead.mail.reply import Answer
from letterhead.transports.handover import Handover
from letterhead.transports.session import Declined, Opening, Session

IDLE = 30.0  # seconds; servers hang up after minutes, and a few sessions are not missed
MESSAGES = 100  # over one session; many servers allow no more
DOUBT = 600.0  # seconds for which nothing is announced to a server that may not bear it
SHARE = 20  # messages that are worth a session: so little mail is not to open many


class Sessions:
    """Keeps the sessions that nobody uses at the moment, the freshest on top."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._idle: list[Session] = []
        self._timer: asyncio.TimerHandle | None = None
        self._doubted = -math.inf

    def waiting(self, *, within: float = math.inf) -> Session | None:
        """A session that is open and has been idle for no longer than so many seconds."""
        since = monotonic() - within
        while self._idle and self._idle[-1].idle_since >= since:
            session = self._idle.pop()
            if session.wire.quiet:
                return session
            session.wire.abort()
        return None

    @property
    def idle(self) -> int:
        """How many sessions are open that nobody uses."""
        return len(self._idle)

    @property
    def failed_logins(self) -> int:
        """How many logins have failed so far."""
        return self._opening.logins.failures

    async def fresh(self, handover: Handover) -> Session | Answer:
        """A new session, or why there is none."""
        try:
            return await self._opening.open(handover)
        except Declined as declined:
            return declined.answer
        except Unreachable as error:
            return handover.broken(error)

    def keep(self, session: Session, carried: int = 1) -> None:
        """Keep a session for the next message, unless it has carried enough or is not usable."""
        session.messages += carried
        if session.messages >= MESSAGES or not session.wire.quiet:
            session.wire.leave()
            return
        session.idle_since = monotonic()
        self._idle.append(session)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(IDLE, self._tidy)

    def may_announce(self, session: Session) -> bool:
        """Whether the envelope behind the next message may leave with its final dot."""
        bears = self._doubted + DOUBT <= monotonic()
        return bears and session.offers.pipelining and session.messages + 1 < MESSAGES

    def doubt(self) -> None:
        """Something went wrong that may come from that."""
        self._doubted = monotonic()

    async def close(self) -> None:
        """Take leave of all, and wait until the servers have heard it."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        leaving, self._idle = self._idle, []
        for session in leaving:
            session.wire.leave()
        for session in leaving:
            await session.wire.gone()

    def _tidy(self) -> None:
        now = monotonic()
        old = [each for each in self._idle if each.idle_since + IDLE <= now]
        self._idle = [each for each in self._idle if each not in old]
        for session in old:
            session.wire.leave()
        rest = min((each.idle_since + IDLE - now for each in self._idle), default=None)
        again = asyncio.get_running_loop().call_later
        self._timer = again(rest, self._tidy) if rest is not None else None
