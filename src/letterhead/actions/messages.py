"""Accept messages; find, cancel, resolve and send them again."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from letterhead.actions.breath import in_turns
from letterhead.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from letterhead.mail import message as rules
from letterhead.mail import mime
from letterhead.mail.address import Mailbox
from letterhead.mail.change import Change, Differences
from letterhead.mail.letter import Addressee, KeyReused, Letter, Receipt
from letterhead.mail.message import Message, MessageClass, OnUncertain
from letterhead.mail.outcome import Status
from letterhead.mail.portal import Ids, Portal
from letterhead.mail.raw import RawMessage
from letterhead.mail.retry import PATIENCE
from letterhead.mail.said import said
from letterhead.mail.sender import Platform, header_id
from letterhead.store.committer import Committer
from letterhead.store.messages import Found
from letterhead.store.store import Desk, Store

LARGE = 256 * 1024  # bytes from which on a message is made or read off the event loop
KEY_REUSED = Conflict("This idempotency key was used for another request.")
_MISSED = {
    each.value for each in (Status.FAILED, Status.BOUNCED, Status.CANCELLED, Status.SUPPRESSED)
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send: what was handed in, and how a repetition of it is recognised."""

    message: Message | RawMessage
    idempotency_key: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes messages in: what it gives a receipt for is on disk."""

    committer: Committer
    ids: Ids
    platform: Platform

    async def accept(
        self, portal: Portal, requests: Iterable[Request], now: datetime
    ) -> list[Receipt | KeyReused]:
        """Keep all of `requests` with one commit."""
        letters = [await self._letter(portal, each, now) async for each in in_turns(requests)]
        return await self.committer.add(letters) if letters else []

    async def send_again(
        self, portal: Portal, found: Found, content: bytes, now: datetime
    ) -> Receipt:
        """Send a message once more: to those who did not get it, or to all if everybody did."""
        row = found.message
        message_class = MessageClass(row.message_class)
        letter = Letter(
            **self._envelope(portal, _missed(found), message_class, now),
            due=now,
            expires=now + PATIENCE,
            subject=row.subject,
            from_name=row.from_name,
            reply_to=tuple(Mailbox(*each) for each in row.reply_to),
            metadata=row.labels,
            on_uncertain=OnUncertain(row.on_uncertain),
            content=content,
            again_of=row.id,
        )
        return receipt((await self.committer.add([letter]))[0])

    async def _letter(self, portal: Portal, request: Request, now: datetime) -> Letter:
        if isinstance(request.message, RawMessage):
            return self._raw(portal, request, request.message, now)
        return await self._composed(portal, request, request.message, now)

    def _raw(self, portal: Portal, request: Request, message: RawMessage, now: datetime) -> Letter:
        people = rules.once((*message.to, *message.cc, *message.bcc))
        return Letter(
            **self._envelope(portal, people, message.message_class, now),
            due=now,
            expires=now + PATIENCE,
            subject=message.subject,
            reply_to=message.reply_to,
            content=message.content,
            idempotency_key=request.idempotency_key,
            request_digest=request.digest,
        )

    async def _composed(
        self, portal: Portal, request: Request, message: Message, now: datetime
    ) -> Letter:
        due = max(message.send_at or now, now)
        return Letter(
            **self._envelope(portal, rules.recipients(message), message.message_class, now),
            due=due,
            expires=due + PATIENCE,
            subject=message.subject,
            from_name=message.from_name,
            reply_to=message.reply_to,
            metadata=message.metadata,
            on_uncertain=message.on_uncertain,
            content=await _bytes(message, now),
            idempotency_key=request.idempotency_key,
            request_digest=request.digest,
        )

    def _envelope(
        self, portal: Portal, people: Sequence[str], message_class: MessageClass, now: datetime
    ) -> dict[str, Any]:
        """Whose letter it is, and to whom: to the portal's copy address, too, of its own mail."""
        business = message_class is MessageClass.BUSINESS
        number, copy_to = self.ids.new(now), portal.live.copy_to if business else ""
        addressees = [Addressee(self.ids.new(now), each) for each in people]
        if copy_to and copy_to.lower() not in {each.lower() for each in people}:
            addressees.append(Addressee(self.ids.new(now), copy_to, copy=True))
        return {
            "id": number,
            "portal_id": portal.id,
            "message_class": message_class,
            "created_at": now,
            "header_id": header_id(number, portal.live, self.platform),
            "addressees": tuple(addressees),
        }


def receipt(kept: Receipt | KeyReused) -> Receipt:
    """The receipt; Conflict if the idempotency key belongs to another message."""
    if isinstance(kept, KeyReused):
        raise KEY_REUSED
    return kept


def demand_class(message_class: MessageClass, *, by_platform: bool) -> None:
    """Forbidden if whoever asks may not send messages of this class."""
    if message_class is not MessageClass.BUSINESS and not by_platform:
        raise Forbidden(said("Messages of class system need a platform key."))


async def get(desk: Desk, message_id: str) -> Found:
    """Find one message of the portal."""
    found = await desk.messages.get(message_id)
    if found is None:
        raise NotFound(said("There is no such message."))
    return found


async def readable(desk: Desk, message_id: str) -> bytes:
    """
    The bytes of a message that people and programs may read.

    Test mails and the platform's own hold codes: whoever could read them would prove nothing.
    """
    found = await get(desk, message_id)
    if found.message.message_class != MessageClass.BUSINESS.value:
        raise Forbidden(said("Bodies of test mails and of the platform's own mail are not shown."))
    return await content(desk, message_id)


async def content(desk: Desk, message_id: str) -> bytes:
    """The bytes of a message as they were accepted, without From, Reply-To and Message-ID."""
    await get(desk, message_id)
    found = await desk.messages.content(message_id)
    if found is None:
        raise Conflict(said("The body of this message is not kept any more."))
    return found


@dataclass(frozen=True, slots=True)
class Repetition:
    """Which message is to be sent again, and who wants it."""

    message_id: str
    by: str
    by_platform: bool


async def send_again(
    store: Store, intake: Intake, portal: Portal, wanted: Repetition, *, now: datetime
) -> Receipt:
    """Send a message once more, and note in the history who wanted it."""
    async with store.look(portal) as desk:
        found, content = await _repeatable(desk, wanted)
    kept = await intake.send_again(portal, found, content, now)
    async with store.portal(portal, by=wanted.by) as desk:
        await desk.changes.note(Change.SENT_AGAIN, now, {"message": [found.message.id, kept.id]})
    return kept


async def _repeatable(desk: Desk, wanted: Repetition) -> tuple[Found, bytes]:
    found = await get(desk, wanted.message_id)
    kind = found.message.message_class
    demand_class(MessageClass(kind), by_platform=wanted.by_platform)
    if kind == MessageClass.TEST.value:
        raise Conflict(said("A test mail is not sent again: send another test."))
    return found, await content(desk, wanted.message_id)


async def cancel(desk: Desk, message_id: str, now: datetime) -> Found:
    """Cancel what is not being sent yet."""
    await get(desk, message_id)
    if not await desk.messages.cancel(message_id, now):
        raise Conflict(said("Nothing of this message waits any more."))
    await desk.changes.note(Change.CANCELLED, now, {"message": [None, message_id]})
    return await get(desk, message_id)


async def resolve(
    desk: Desk, message_id: str, recipient_id: str, status: Status, *, now: datetime
) -> Found:
    """Decide what became of an uncertain recipient: `sent`, or `queued` to be sent again."""
    found = await get(desk, message_id)
    if recipient_id not in {each.id for each in found.recipients}:
        raise Invalid(
            [Problem("recipient", "unknown", said("This message has no such recipient."))]
        )
    if not await desk.messages.resolve(message_id, recipient_id, status, now):
        raise Conflict(said("This recipient is not uncertain."))
    details: Differences = {
        "message": [None, message_id],
        "status": [Status.UNCERTAIN.value, status.value],
    }
    await desk.changes.note(Change.RESOLVED, now, details)
    return await get(desk, message_id)


async def _bytes(message: Message, now: datetime) -> bytes:
    if sum(len(each.content) for each in message.attachments) > LARGE:
        return await asyncio.to_thread(mime.compose, message, date=now)
    return mime.compose(message, date=now)


def _missed(found: Found) -> list[str]:
    """Who did not get a message, or everybody; nobody may still be about to get it."""
    originals = [each for each in found.recipients if not each.copy]
    if any(Status(each.status).is_open for each in originals):
        raise Conflict(
            said("This message is still on its way, or uncertain: cancel or resolve it first.")
        )
    missed = [each.email for each in originals if each.status in _MISSED]
    return missed or [each.email for each in originals]
