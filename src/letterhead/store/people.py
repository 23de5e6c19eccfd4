"""Accounts, sessions and links: of every secret only its digest is kept."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.portal import Role
from letterhead.mail.rights import TicketKind, Visitor
from letterhead.mail.secret import Secret
from letterhead.store.second_steps import SecondSteps
from letterhead.store.tables import account, failed_sign_in, person, session, ticket

_BYTES = 24  # 192 bits of a cookie or a link


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A link: what it is for, for whom, and how long what it opens lasts."""

    kind: TicketKind
    email: str = ""
    portal_id: int | None = None
    role: Role | None = None
    lasting: timedelta = timedelta()
    made_by: str = ""
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody is signed in: as all that they are, or for one portal in one role."""

    email: str
    expires: datetime
    portal_id: int | None = None
    role: Role | None = None
    by_pass: str = ""
    verified: bool = False  # an identity provider vouches for the address


class PeopleRows:
    """Who may sign in, and who is signed in."""

    def __init__(self, connection: AsyncConnection, second_steps: SecondSteps) -> None:
        self._connection = connection
        self.second_steps = second_steps

    async def nobody(self) -> bool:
        """Whether nobody can sign in yet."""
        return not await self._connection.scalar(select(exists(select(account.c.email))))

    async def password_hash(self, email: str) -> str | None:
        query = select(account.c.password_hash).where(account.c.email == email)
        return await self._connection.scalar(query)

    async def keep_password(self, email: str, password_hash: str, now: datetime) -> None:
        """Keep a password, in place of the one before; whoever is signed in is signed out."""
        await self._connection.execute(delete(account).where(account.c.email == email))
        values = {"email": email, "password_hash": password_hash, "created_at": now}
        await self._connection.execute(insert(account).values(**values))
        await self.end_all(email)

    async def end_all(self, email: str) -> None:
        """End every session of an account."""
        own = (session.c.email == email) & session.c.portal_id.is_(None)
        await self._connection.execute(delete(session).where(own))

    async def is_known(self, email: str) -> bool:
        """Whether anybody has added this person."""
        query = select(exists(select(person.c.id).where(_is(email))))
        return bool(await self._connection.scalar(query))

    async def make_operator(self, email: str, now: datetime) -> None:
        """Let somebody be an operator from now on."""
        everywhere = _is(email) & person.c.portal_id.is_(None)
        await self._connection.execute(delete(person).where(everywhere))
        values = {"email": email, "role": Role.OPERATOR.value, "created_at": now}
        await self._connection.execute(insert(person).values(**values, accepted_at=now))

    async def accept(self, email: str, portal_id: int | None, now: datetime) -> None:
        """Let a role count that somebody was invited to: they came by its link."""
        mine = _is(email) & person.c.portal_id.is_not_distinct_from(portal_id)
        await self._connection.execute(update(person).where(mine).values(accepted_at=now))

    async def accept_all(self, email: str, now: datetime) -> None:
        """Let every role count: the operator vouches for whoever has the link."""
        open_ = _is(email) & person.c.accepted_at.is_(None)
        await self._connection.execute(update(person).where(open_).values(accepted_at=now))

    async def issue(self, made: Ticket, now: datetime) -> Secret:
        """Make a link; this is the one time that its secret can be seen."""
        shown = Secret(secrets.token_urlsafe(_BYTES))
        values = {
            "digest": digest(shown.reveal()),
            "kind": made.kind.value,
            "email": made.email,
            "portal_id": made.portal_id,
            "role": made.role.value if made.role else None,
            "lasting": int(made.lasting.total_seconds()),
            "made_by": made.made_by,
            "created_at": now,
            "expires": made.expires,
        }
        await self._connection.execute(insert(ticket).values(**values))
        return shown

    async def links_since(self, email: str, since: datetime) -> int:
        """How many links to choose a password were made lately for somebody."""
        mine = (ticket.c.email == email) & (ticket.c.kind == TicketKind.PASSWORD.value)
        query = select(func.count()).select_from(ticket).where(mine, ticket.c.created_at > since)
        return await self._connection.scalar(query) or 0

    async def find(self, shown: str, kind: TicketKind, now: datetime) -> Ticket | None:
        """Look at a link without using it up."""
        query = select(ticket).where(_valid(shown, kind, now))
        row = (await self._connection.execute(query)).first()
        return _ticket(row) if row else None

    async def take(self, shown: str, kind: TicketKind, now: datetime) -> Ticket | None:
        """Use a link up: whoever comes second finds nothing."""
        query = delete(ticket).where(_valid(shown, kind, now)).returning(ticket)
        row = (await self._connection.execute(query)).first()
        return _ticket(row) if row else None

    async def forget_links(self, kind: TicketKind, email: str = "") -> None:
        """Let no link of a kind open anything any more that was made for an address."""
        mine = (ticket.c.kind == kind.value) & (ticket.c.email == email)
        await self._connection.execute(delete(ticket).where(mine))

    async def passes(self, portal_id: int, now: datetime) -> Sequence[Row[Any]]:
        """The passes of a portal that still open it."""
        mine = (ticket.c.portal_id == portal_id) & (ticket.c.kind == TicketKind.PASS.value)
        query = select(ticket).where(mine, ticket.c.expires > now).order_by(ticket.c.created_at)
        return (await self._connection.execute(query)).all()

    async def revoke(self, portal_id: int, pass_digest: str) -> bool:
        """End a pass of a portal, and every session that it opened."""
        mine = (ticket.c.portal_id == portal_id) & (ticket.c.digest == pass_digest)
        gone = await self._connection.execute(delete(ticket).where(mine))
        came = (session.c.portal_id == portal_id) & (session.c.pass_digest == pass_digest)
        await self._connection.execute(delete(session).where(came))
        return gone.rowcount > 0

    async def begin(self, made: Session, now: datetime) -> Secret:
        """Begin a session; gives what the cookie holds."""
        shown = Secret(secrets.token_urlsafe(_BYTES))
        values = {
            "digest": digest(shown.reveal()),
            "email": made.email,
            "portal_id": made.portal_id,
            "role": made.role.value if made.role else None,
            "pass_digest": digest(made.by_pass) if made.by_pass else None,
            "verified": made.verified,
            "created_at": now,
            "expires": made.expires,
        }
        await self._connection.execute(insert(session).values(**values))
        await self._connection.execute(delete(session).where(session.c.expires <= now))
        await self._connection.execute(delete(ticket).where(ticket.c.expires <= now))
        return shown

    async def visitor(self, shown: str, now: datetime) -> Visitor | None:
        """Who is signed in; what they may do is looked up anew each time."""
        mine = (session.c.digest == digest(shown)) & (session.c.expires > now)
        row = (await self._connection.execute(select(session).where(mine))).first()
        if row is None:
            return None
        if row.role:
            return Visitor(row.email, {row.portal_id: Role(row.role)})
        roles = await self._roles(row.email, verified=row.verified)
        return Visitor(row.email, roles, has_account=True)

    async def end(self, shown: str) -> None:
        await self._connection.execute(delete(session).where(session.c.digest == digest(shown)))

    async def note_failures(self, who: Sequence[str], now: datetime) -> Sequence[int]:
        """Note that a sign-in failed, by what was tried: an account, an address."""
        query = insert(failed_sign_in).returning(failed_sign_in.c.id)
        found = [
            await self._connection.scalar(query.values(who=digest(each), at=now)) for each in who
        ]
        return [int(each) for each in found if each]

    async def forgive(self, ids: Sequence[int]) -> None:
        """It did not fail after all."""
        query = delete(failed_sign_in).where(failed_sign_in.c.id.in_(ids))
        await self._connection.execute(query)

    async def failures(self, who: str, since: datetime) -> int:
        """How many sign-ins failed lately."""
        columns = failed_sign_in.c
        lately = (columns.who == digest(who)) & (columns.at > since)
        count = select(func.count()).select_from(failed_sign_in).where(lately)
        return await self._connection.scalar(count) or 0

    async def forget_failures(self, before: datetime) -> None:
        await self._connection.execute(delete(failed_sign_in).where(failed_sign_in.c.at <= before))

    async def _roles(self, email: str, *, verified: bool) -> dict[int | None, Role]:
        query = select(person.c.portal_id, person.c.role).where(_is(email))
        if not verified:
            query = query.where(person.c.accepted_at.is_not(None))
        rows = await self._connection.execute(query)
        return {row.portal_id: Role(row.role) for row in rows}


def digest(shown: str) -> str:
    """Of 192 random bits a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(shown.encode("utf-8", "surrogateescape")).hexdigest()


def _is(email: str) -> ColumnElement[bool]:
    """Whether a row of people is about an address, however it is spelt there."""
    return (person.c.email == email) | (func.lower(person.c.email) == email)


def _valid(shown: str, kind: TicketKind, now: datetime) -> Any:  # noqa: ANN401 - a condition
    known = (ticket.c.digest == digest(shown)) & (ticket.c.kind == kind.value)
    return known & (ticket.c.expires > now)


def _ticket(row: Row[Any]) -> Ticket:
    return Ticket(
        kind=TicketKind(row.kind),
        email=row.email,
        portal_id=row.portal_id,
        role=Role(row.role) if row.role else None,
        lasting=timedelta(seconds=row.lasting),
        made_by=row.made_by,
        expires=row.expires,
    )
