"""Write people how to come in to a portal's pages."""

from dataclasses import dataclass
from datetime import datetime

from letterhead.actions import people
from letterhead.actions.office import Office
from letterhead.actions.people import Invitation
from letterhead.errors import TooMany
from letterhead.mail import invitation
from letterhead.mail.letter import Lane
from letterhead.mail.notice import Notice
from letterhead.mail.portal import Portal, Role
from letterhead.mail.rights import LINK_KEPT
from letterhead.mail.said import said


@dataclass(frozen=True, slots=True)
class Invited:
    """Who was added to a portal, as what."""

    email: str
    role: Role
    portal: Portal


async def welcome(office: Office, invited: Invited, now: datetime) -> None:
    """
    Write a person whom a portal has added how to accept.

    The link goes to the person alone: whoever could see it could become that person, in every
    portal where they have a role.
    """
    await _demand_measure(office, invited.email, now)
    async with office.store.look_at_people() as rows:
        known = await rows.password_hash(invited.email.lower()) is not None
    made = Invitation(invited.email, invited.role, invited.portal)
    link = await people.invite(office.store, office.public_url, made, now)
    await _write(
        office, invited, invitation.to_accept if known else invitation.to_join, link, now=now
    )


async def send_password_link(office: Office, invited: Invited, now: datetime) -> None:
    """Write a person a link by which they choose another password."""
    await _demand_measure(office, invited.email, now)
    link = await people.password_link(office.store, office.public_url, invited.email, now)
    await _write(office, invited, invitation.to_choose, link, now=now)


async def _demand_measure(office: Office, email: str, now: datetime) -> None:
    """Nobody is flooded with links."""
    async with office.store.look_at_people() as rows:
        sent = await rows.links_since(email.lower(), now - invitation.HOUR)
    if sent >= invitation.LINKS_AN_HOUR:
        detail = said(
            "{email} has got {count} links within an hour: wait a little.",
            email=email,
            count=invitation.LINKS_AN_HOUR,
        )
        raise TooMany(detail, retry_after=int(invitation.HOUR.total_seconds()))


async def _write(
    office: Office, invited: Invited, text: invitation.Text, link: str, *, now: datetime
) -> None:
    portal, platform = invited.portal, office.platform.name
    notice = Notice(
        to=invited.email,
        subject=invitation.subject(portal.name, platform),
        text=text(link, of=portal.name, platform=platform),
        kept=LINK_KEPT,
    )
    async with office.store.portal(portal) as desk:
        await desk.letters.add(office.press.letter(notice, portal.id, now))
    office.wake((portal.id, Lane.SYSTEM))
