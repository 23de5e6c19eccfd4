"""One attempt: put the envelope together, hand it over, judge the answer, note the outcome."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from letterhead import failpoints
from letterhead.delivery.lease import Lease
from letterhead.delivery.settling import Settler
from letterhead.mail import header, mime
from letterhead.mail.letter import Claim, Route
from letterhead.mail.outcome import Attempt, Outcome, judge
from letterhead.mail.reply import Answer
from letterhead.mail.sender import Platform, from_name, sender
from letterhead.mail.server import Envelope
from letterhead.mail.ses import TAG_MESSAGE, TAG_PORTAL, TAG_RECIPIENT
from letterhead.transports.base import Transport

_SHARED = 64 * 1024  # octets of what leaves at once

Mail = tuple[Claim, Envelope]


class Marks(Protocol):
    """What an attempt needs of the store."""

    async def mark_dot(self, claim: Claim) -> bool: ...


def envelope(claim: Claim, content: bytes, route: Route, platform: Platform) -> Envelope:
    """Put From, Reply-To and Message-ID in front of the bytes that were made when accepted."""
    name = from_name(route.settings, asked=claim.from_name, portal_name=route.portal_name)
    found = sender(route.settings, platform, name=name, reply_to=claim.reply_to)
    head = mime.head(sender=found.mailbox, reply_to=found.reply_to, message_id=claim.header_id)
    if platform.redirect_all_to:
        head += header.verbatim("X-Letterhead-Original-To", claim.email)
    recipient = platform.redirect_all_to or claim.email
    labels = {
        TAG_PORTAL: str(route.portal_id),
        TAG_MESSAGE: claim.message_id,
        TAG_RECIPIENT: claim.id,
    }
    return Envelope(found.mailbox.email, recipient, (head, content), labels)


class Seat:
    """
    Sends one mail after the other, or a few at once.

    The final dot of a mail waits until the outcomes of those before it are written down: so a
    crash can repeat at most one mail of each seat, or those few.
    """

    def __init__(
        self,
        transport: Transport,
        settler: Settler,
        marks: Marks,
        clock: Callable[[], datetime],
        *,
        provider: str,
    ) -> None:
        self._transport = transport
        self._settler = settler
        self._marks = marks
        self._clock = clock
        self._provider = provider
        self._unsettled: list[asyncio.Future[None]] = []
        self._line = transport.line(self._announced)
        self._upcoming: Callable[[], Mail | None] = lambda: None
        self.announced: Mail | None = None  # to be sent next: its envelope may have left

    async def send(
        self, mails: Sequence[Mail], lease: Lease, upcoming: Callable[[], Mail | None]
    ) -> Mapping[str, Outcome]:
        """
        Send some of the mails, the first at least; gives their outcomes by the claims' ids.

        When the final dot of one leaves, `upcoming` may name the next: `announced`.
        """
        outcomes: dict[str, Outcome] = {}
        self._upcoming, self.announced = upcoming, None

        async def before_dot() -> bool:
            await self.settled()
            claim, _ = mails[0]
            failpoints.reach("unmarked")
            ours = lease.holds and (claim.resend or await self._marks.mark_dot(claim))
            failpoints.reach("marked")
            return ours and lease.holds  # looked at last: whoever slept above sends nothing

        def told(at: int, answer: Answer) -> None:
            claim, _ = mails[at]
            outcomes[claim.id] = self._note(claim, answer)

        together = self._transport.together
        if together and may_all_share([claim for claim, _ in mails]):
            await together.send([mail for _, mail in mails], before_dot, told)
        else:
            told(0, await self._line.send(mails[0][1], before_dot))
        return outcomes

    def _announced(self) -> Envelope | None:
        self.announced = self._upcoming()
        return self.announced[1] if self.announced else None

    def _note(self, claim: Claim, answer: Answer) -> Outcome:
        failpoints.reach("replied")
        now = self._clock()
        outcome = judge(answer, attempt_of(claim), now=now, provider=self._provider)
        self._unsettled.append(self._settler.add(claim, outcome, now))
        return outcome

    async def settled(self) -> None:
        """Wait until everything that this seat has sent is written down."""
        for each in self._unsettled:
            await each
        self._unsettled.clear()


def may_all_share(claims: Sequence[Claim]) -> bool:
    """Of a mail that is held when unsure, a break shall leave as little unsure as it can."""
    return all(each.resend for each in claims) and sum(each.size for each in claims) <= _SHARED


def attempt_of(claim: Claim) -> Attempt:
    return Attempt(claim.id, claim.attempts, claim.resend)
