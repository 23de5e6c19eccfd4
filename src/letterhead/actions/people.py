"""Let people in: the first operator, a password, a one-time address, a pass, and out again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from letterhead.actions import passwords
from letterhead.actions.passwords import Login
from letterhead.errors import Forbidden, Invalid, NotFound, Problem
from letterhead.mail import address
from letterhead.mail.portal import Portal, Role
from letterhead.mail.rights import (
    CODE_AWAITED,
    ENTRY_KEPT,
    LINK_KEPT,
    PASS_KEPT,
    SIGNED_IN,
    TicketKind,
    Visitor,
    password_problem,
)
from letterhead.mail.said import said, spoken
from letterhead.mail.secret import Secret
from letterhead.store.people import PeopleRows, Session, Ticket
from letterhead.store.store import Store

LONGEST_SESSION = 24 * 3600  # seconds
_USED = said("This link has been used, or its time is over: ask for a new one.")


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who was added, as what; without a portal, to all of them."""

    email: str
    role: Role
    portal: Portal | None


@dataclass(frozen=True, slots=True)
class Halfway:
    """The password was right, and a code of the second step is asked for."""

    token: Secret


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
    known = _read(email, password).lower()
    hashed = await passwords.hashed(password)
    async with store.people() as rows:
        if await rows.take(token, TicketKind.SET_UP, now) is None or not await rows.nobody():
            raise NotFound(_USED)
        await rows.keep_password(known, hashed, now)
        await rows.make_operator(known, now)
        return await rows.begin(Session(email=known, expires=now + SIGNED_IN), now)


async def invite(store: Store, public_url: str, invited: Invitation, now: datetime) -> str:
    """
    A link by which a person who was added accepts the role.

    Who has no account chooses a password for one; who has one signs in. So neither a portal that
    adds an address nor a stranger who has an account in its name gets what another portal gives.
    """
    made = Ticket(
        kind=TicketKind.PASSWORD,
        email=invited.email.lower(),
        portal_id=invited.portal.id if invited.portal else None,
        role=invited.role,
        expires=now + LINK_KEPT,
    )
    async with store.people() as rows:
        return link(public_url, "password", await rows.issue(made, now))


async def reset(store: Store, public_url: str, email: str, now: datetime) -> str:
    """A link for a new password; the old one, the second step and every session are void."""
    known, unknown = email.strip().lower(), await passwords.unknown()
    async with store.people() as rows:
        has_account = await rows.password_hash(known) is not None
        if not has_account and not await rows.is_known(known):
            raise NotFound(said("There is nobody with this address."))
        if has_account:
            await rows.keep_password(known, unknown, now)
        await rows.second_steps.remove(known)
        await rows.forget_links(TicketKind.PASSWORD, known)
    return await password_link(store, public_url, known, now)


async def password_link(store: Store, public_url: str, email: str, now: datetime) -> str:
    """A link for another password, for the person alone; the second step stays."""
    made = Ticket(kind=TicketKind.PASSWORD, email=email.lower(), expires=now + LINK_KEPT)
    async with store.people() as rows:
        return link(public_url, "password", await rows.issue(made, now))


async def choose_password(
    store: Store, token: str, password: Secret, now: datetime
) -> Secret | Halfway:
    """Take the password of who was invited, or of whose password the operator has reset."""
    if message := password_problem(password.reveal()):
        raise Invalid([Problem("password", "invalid", message)])
    hashed = await passwords.hashed(password)
    async with store.people() as rows:
        ticket = await rows.take(token, TicketKind.PASSWORD, now)
        if ticket is None:
            raise NotFound(_USED)
        if ticket.role is None:
            await rows.accept_all(ticket.email, now)
        elif await rows.password_hash(ticket.email) is None:
            await rows.accept(ticket.email, ticket.portal_id, now)
        else:
            raise Forbidden(
                said("There is an account for this address: sign in, and open the link again.")
            )
        await rows.keep_password(ticket.email, hashed, now)
        return await _come_in(rows, ticket.email, now)


async def accept(store: Store, token: str, visitor: Visitor, now: datetime) -> None:
    """Take the role that a person with an account was invited to."""
    async with store.people() as rows:
        ticket = await rows.take(token, TicketKind.PASSWORD, now)
        if ticket is None or ticket.role is None:
            raise NotFound(_USED)
        if not visitor.has_account or visitor.email != ticket.email:
            raise Forbidden(said("This link is for {email}: sign in as that.", email=ticket.email))
        await rows.accept(ticket.email, ticket.portal_id, now)


async def sign_in(store: Store, login: Login, now: datetime) -> Secret | Halfway | None:
    """Sign somebody in; None if account or password is wrong, and nobody is told which."""
    right = await passwords.compared(store, login, now)
    if right is None:
        return None
    async with store.people() as rows:
        if await rows.password_hash(login.email) != right:  # changed meanwhile
            return None
        return await _come_in(rows, login.email, now)


async def _come_in(rows: PeopleRows, email: str, now: datetime) -> Secret | Halfway:
    """Begin a session, or wait for the code of who has a second step."""
    if await rows.second_steps.has(email):
        waits = Ticket(kind=TicketKind.SECOND_STEP, email=email, expires=now + CODE_AWAITED)
        return Halfway(await rows.issue(waits, now))
    return await rows.begin(Session(email=email, expires=now + SIGNED_IN), now)


async def entry(
    store: Store, public_url: str, portal: Portal, guest: Guest, *, now: datetime
) -> str:
    """A one-time address that signs somebody of the platform in to one portal."""
    if found := list(guest_problems(guest.email, guest.role, guest.lasting)):
        raise Invalid(found)
    email = address.address(guest.email)
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


def guest_problems(email: str, role: str, lasting: int) -> Iterator[Problem]:
    """What is wrong with somebody of the platform who is to come in; `lasting` in seconds."""
    try:
        address.address(email)
    except ValueError as error:
        yield Problem("email", "invalid", spoken(error))
    if role == Role.OPERATOR:
        message = said("Choose admin, consultant or viewer: an operator needs an account.")
        yield Problem("role", "invalid", message)
    elif role not in set(Role):
        yield Problem("role", "unknown", "Choose admin, consultant or viewer.")
    if not 0 < lasting <= LONGEST_SESSION:
        message = said("Use 1 to {limit} seconds.", limit=LONGEST_SESSION)
        yield Problem("ttl", "invalid", message)


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
            raise NotFound(_USED)
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
