"""Write people how to sign in to a portal's pages."""

from datetime import datetime

from letterhead.actions import people
from letterhead.actions.office import Office
from letterhead.errors import TooMany
from letterhead.mail import invitation
from letterhead.mail.letter import Lane
from letterhead.mail.notice import Notice
from letterhead.mail.portal import Portal
from letterhead.mail.rights import LINK_KEPT
from letterhead.mail.said import said


async def welcome(office: Office, portal: Portal, email: str, now: datetime) -> None:
    """
    Write a person how to sign in.

    The link goes to the person alone: whoever could see it could become that person, in every
    portal where they have a role.
    """
    async with office.store.look_at_people() as rows:
        known = await rows.password_hash(email.lower()) is not None
    if known:
        address = f"{office.public_url}/sign-in"
        text = invitation.with_password(address, of=portal.name, platform=office.platform.name)
        await _write(office, portal, _notice(office, portal, email, text), now)
    else:
        await send_link(office, portal, email, now)


async def send_link(office: Office, portal: Portal, email: str, now: datetime) -> None:
    """Write a person a link by which they choose a password, or a new one."""
    since = now - invitation.HOUR
    async with office.store.look_at_people() as rows:
        if await rows.links_since(email.lower(), since) >= invitation.LINKS_AN_HOUR:
            detail = said(
                "{email} has got {count} links within an hour: wait a little.",
                email=email,
                count=invitation.LINKS_AN_HOUR,
            )
            raise TooMany(detail, retry_after=int(invitation.HOUR.total_seconds()))
    link = await people.invite(office.store, office.public_url, email, now)
    text = invitation.with_link(link, of=portal.name, platform=office.platform.name)
    await _write(office, portal, _notice(office, portal, email, text), now)


def _notice(office: Office, portal: Portal, email: str, text: str) -> Notice:
    subject = invitation.subject(portal.name, office.platform.name)
    return Notice(to=email, subject=subject, text=text, kept=LINK_KEPT)


async def _write(office: Office, portal: Portal, notice: Notice, now: datetime) -> None:
    async with office.store.portal(portal) as desk:
        await desk.letters.add(office.press.letter(notice, portal.id, now))
    office.wake((portal.id, Lane.SYSTEM))
