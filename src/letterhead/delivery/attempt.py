"""One attempt: put the envelope together, hand it over, judge the answer, note the outcome."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from letterhead.delivery.lease import Lease
from letterhead.delivery.settling import Settler
from letterhead.mail import header, mime
from letterhead.mail.letter import Claim, Route
from letterhead.mail.outcome import Attempt, Outcome, judge
from letterhead.mail.sender import Platform, from_name, sender
from letterhead.mail.server import Envelope
from letterhead.mail.ses import TAG_MESSAGE, TAG_PORTAL, TAG_RECIPIENT
from letterhead.transports.base import Transport


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
    Sends one mail after the other.

    The final dot of a mail waits until the outcome of the mail before it is written down: so a
    crash can repeat at most one mail of each seat.
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
        self._settled: asyncio.Future[None] | None = None

    async def send(self, claim: Claim, mail: Envelope, lease: Lease) -> Outcome:
        async def before_dot() -> bool:
            await self.settled()
            return lease.holds and (claim.resend or await self._marks.mark_dot(claim))

        answer = await self._transport.send(mail, before_dot)
        now = self._clock()
        outcome = judge(answer, attempt_of(claim), now=now, provider=self._provider)
        await self.settled()
        self._settled = self._settler.add(claim, outcome, now)
        return outcome

    async def settled(self) -> None:
        """Wait until everything that this seat has sent is written down."""
        if self._settled is not None:
            await self._settled


def attempt_of(claim: Claim) -> Attempt:
    return Attempt(claim.id, claim.attempts, claim.resend)
