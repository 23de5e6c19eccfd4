"""What programs that speak SMTP ask for: to be let in, and to hand a message in."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from letterhead.actions import portals
from letterhead.actions.messages import LARGE, Intake, Request, demand_class, receipt
from letterhead.errors import Forbidden, ForeignFrom, NotFound
from letterhead.mail import raw
from letterhead.mail.letter import Receipt
from letterhead.mail.portal import Portal, Principal, Scope
from letterhead.mail.raw import RawMessage
from letterhead.mail.secret import Secret
from letterhead.mail.sender import Platform, is_own
from letterhead.store.store import Store


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who is signed in, and the portal in whose name."""

    portal: Portal
    asking: Principal


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message as it came: who sends it, whom it is for, and its octets."""

    sender: str
    recipients: Sequence[str]
    content: bytes


async def admit(store: Store, slug: str, key: Secret, now: datetime) -> Admitted | None:
    """
    Let somebody in by a portal's slug and a key; None if they do not fit, and nobody is told why.

    A platform's key opens every portal. Forbidden is for a key that fits and may not send.
    """
    asking = await store.recognise(key.reveal(), now)
    if asking is None:
        return None
    try:
        portal = await portals.acting(store, slug, asking)
    except NotFound:
        return None
    if not asking.may(Scope.SEND):
        raise Forbidden(f"This needs the scope {Scope.SEND.value}.")
    return Admitted(portal, asking)


def demand_own_from(portal: Portal, platform: Platform, address: str) -> None:
    """ForeignFrom if the portal refuses mail from this address; an empty one is nobody's."""
    if portal.refuses_foreign_from and address and not is_own(address, portal.live, platform):
        raise ForeignFrom("This portal sends as its own address only.")


async def hand_in(intake: Intake, admitted: Admitted, parcel: Parcel, now: datetime) -> Receipt:
    """Keep a message; it is on disk when this returns."""
    portal = admitted.portal
    message = await _read(parcel, now)
    demand_class(message.message_class, by_platform=admitted.asking.is_platform)
    for address in (parcel.sender, message.sender):
        demand_own_from(portal, intake.platform, address)
    key = message.idempotency_key
    request = Request(message, key, raw.digest(message) if key else None)
    return receipt((await intake.accept(portal, [request], now))[0])


async def _read(parcel: Parcel, now: datetime) -> RawMessage:
    if len(parcel.content) > LARGE:
        return await asyncio.to_thread(
            raw.read_submitted, parcel.content, parcel.recipients, date=now
        )
    return raw.read_submitted(parcel.content, parcel.recipients, date=now)
