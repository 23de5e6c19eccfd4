"""Let people in: the first operator, a password, a one-time address, a pass, and out again."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from letterhead.actions import portals
from letterhead.errors import Invalid, NotFound, Problem, TooMany
from letterhead.mail import address
from letterhead.mail.portal import Portal, Role
from letterhead.mail.rights import (
    ENTRY_KEPT,
    FAILURES_OF_ACCOUNT,
    FAILURES_OF_ADDRESS,
    FAILURES_SPAN,
    LINK_KEPT,
    PASS_KEPT,
    SIGNED_IN,
    TicketKind,
    password_problem,
)
from letterhead.mail.said import said, spoken
from letterhead.mail.secret import Secret
from letterhead.store.people import Session, Ticket
from letterhead.store.store import Store

LONGEST_SESSION = 24 * 3600  # seconds

_HASHER = PasswordHasher()
# Compared with where there is no such account, so that both take the same time.
_NOBODY = _HASHER.hash("nobody has this password")


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody of the platform, who is to see one portal in one role, without an account."""

    email: str
    role: Role
    lasting: int  # seconds
    sent_by: str


async def set_up_link(store: Store, public_url: str, now: datetime) -> str | None:
    """The link that makes the first operator; None as soon as anybody can sign in."""
    async with store.people() as rows:
        if not await rows.nobody():
            return None
        await rows.forget_links(TicketKind.SET_UP)
        made = Ticket(kind=TicketKind.SET_UP, role=Role.OPERATOR, expires=now + LINK_KEPT)
        return link(public_url, "set-up", await rows.issue(made, now))


async def set_up(
    store: Store, token: str, email: str, password: Secret, *, now: datetime
) -> Secret:
    """Make the first operator, who is signed in then; gives what the cookie holds."""
    address_ = _read(email, password)
    hashed = await asyncio.to_thread(_HASHER.hash, password.reveal())
    async with store.people() as rows:
        if await rows.take(token, TicketKind.SET_UP, now) is None or not await rows.nobody():
            raise NotFound(said("This link has been used, or its time is over."))
        await rows.keep_password(address_.lower(), hashed, now)
        shown = await rows.begin(Session(email=address_.lower(), expires=now + SIGNED_IN), now)
    async with store.platform() as platform:
        if not await platform.is_operator(address_):
            await portals.add_person(platform, address_, Role.OPERATOR, None, now=now)
    return shown


async def invite(store: Store, public_url: str, email: str, now: datetime) -> str:
    """A link by which a person chooses a password."""
    async with store.people() as rows:
        made = Ticket(kind=TicketKind.PASSWORD, email=email.lower(), expires=now + LINK_KEPT)
        return link(public_url, "password", await rows.issue(made, now))


async def choose_password(store: Store, token: str, password: Secret, now: datetime) -> Secret:
    """Take the password of an invited person, who is signed in then."""
    if message := password_problem(password.reveal()):
        raise Invalid([Problem("password", "invalid", message)])
    hashed = await asyncio.to_thread(_HASHER.hash, password.reveal())
    async with store.people() as rows:
        ticket = await rows.take(token, TicketKind.PASSWORD, now)
        if ticket is None:
            raise NotFound(said("This link has been used, or its time is over."))
        await rows.keep_password(ticket.email, hashed, now)
        return await rows.begin(Session(email=ticket.email, expires=now + SIGNED_IN), now)


async def sign_in(
    store: Store, email: str, password: Secret, *, client: str, now: datetime
) -> Secret | None:
    """Sign somebody in; None if account or password is wrong, and nobody is told which."""
    email = email.strip().lower()
    async with store.people() as rows:
        since = now - FAILURES_SPAN
        tries = await rows.failures(f"account {email}", since)
        if tries >= FAILURES_OF_ACCOUNT or (
            await rows.failures(f"address {client}", since) >= FAILURES_OF_ADDRESS
        ):
            minutes = int(FAILURES_SPAN.total_seconds() // 60)
            detail = said(
                "Too many sign-ins failed: try again in {minutes} minutes.", minutes=minutes
            )
            raise TooMany(detail, retry_after=minutes * 60)
        hashed = await rows.password_hash(email)
    right = await asyncio.to_thread(_is_right, hashed or _NOBODY, password) and hashed is not None
    async with store.people() as rows:
        if right:
            return await rows.begin(Session(email=email, expires=now + SIGNED_IN), now)
        await rows.note_failure((f"account {email}", f"address {client}"), now)
        await rows.forget_failures(since)
    return None


async def entry(
    store: Store, public_url: str, portal: Portal, guest: Guest, *, now: datetime
) -> str:
    """A one-time address that signs somebody of the platform in to one portal."""
    email = _address(guest.email)
    if guest.role is Role.OPERATOR:
        message = said("Choose admin, consultant or viewer: an operator needs an account.")
        raise Invalid([Problem("role", "invalid", message)])
    if not 0 < guest.lasting <= LONGEST_SESSION:
        raise Invalid(
            [
                Problem(
                    "ttl",
                    "invalid",
                    said("Use 1 to {limit} seconds.", limit=LONGEST_SESSION),
                )
            ]
        )
    lasting = timedelta(seconds=guest.lasting)
    made = Ticket(
        kind=TicketKind.ENTRY,
        email=email,
        portal_id=portal.id,
        role=guest.role,
        lasting=lasting,
        made_by=guest.sent_by,
        expires=now + min(lasting, ENTRY_KEPT),
    )
    async with store.people() as rows:
        return link(public_url, "enter", await rows.issue(made, now))


async def make_pass(
    store: Store, public_url: str, portal: Portal, *, made_by: str, now: datetime
) -> str:
    """A link for a consultant: it opens the Email Settings of one portal until it expires."""
    made = Ticket(
        kind=TicketKind.PASS,
        email=f"consultant of {portal.name}"[:254],
        portal_id=portal.id,
        role=Role.CONSULTANT,
        lasting=SIGNED_IN,
        made_by=made_by,
        expires=now + PASS_KEPT,
    )
    async with store.people() as rows:
        return link(public_url, "enter", await rows.issue(made, now))


async def enter(store: Store, token: str, now: datetime) -> tuple[Secret, int]:
    """Come in by a one-time address or a pass; gives what the cookie holds, and the portal's id."""
    async with store.people() as rows:
        ticket = await rows.take(token, TicketKind.ENTRY, now)
        by_pass = "" if ticket else token
        ticket = ticket or await rows.find(token, TicketKind.PASS, now)
        if ticket is None or ticket.portal_id is None:
            raise NotFound(said("This link has been used, or its time is over: ask for a new one."))
        ends = now + ticket.lasting
        made = Session(
            email=ticket.email,
            expires=min(ends, ticket.expires) if by_pass else ends,
            portal_id=ticket.portal_id,
            role=ticket.role,
            by_pass=by_pass,
        )
        return await rows.begin(made, now), ticket.portal_id


def link(public_url: str, path: str, token: Secret) -> str:
    return f"{public_url}/{path}?{urlencode({'token': token.reveal()})}"


def _is_right(hashed: str, password: Secret) -> bool:
    try:
        return _HASHER.verify(hashed, password.reveal())
    except VerificationError:
        return False


def _read(email: str, password: Secret) -> str:
    found: list[Problem] = []
    try:
        email = address.address(email.strip())
    except ValueError as error:
        found.append(Problem("email", "invalid", spoken(error)))
    if message := password_problem(password.reveal()):
        found.append(Problem("password", "invalid", message))
    if found:
        raise Invalid(found)
    return email


def _address(email: str) -> str:
    try:
        return address.address(email)
    except ValueError as error:
        raise Invalid([Problem("email", "invalid", spoken(error))]) from error
