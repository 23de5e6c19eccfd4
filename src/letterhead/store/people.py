"""Accounts, sessions and links: of every secret only its digest is kept."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, exists, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.portal import Role
from letterhead.mail.rights import TicketKind, Visitor
from letterhead.mail.secret import Secret
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


class PeopleRows:
    """Who may sign in, and who is signed in."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

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
        own = (session.c.email == email) & session.c.portal_id.is_(None)
        await self._connection.execute(delete(session).where(own))

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

    async def forget_links(self, kind: TicketKind) -> None:
        await self._connection.execute(delete(ticket).where(ticket.c.kind == kind.value))

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
        return Visitor(row.email, await self._roles(row.email))

    async def end(self, shown: str) -> None:
        await self._connection.execute(delete(session).where(session.c.digest == digest(shown)))

    async def note_failure(self, who: Sequence[str], now: datetime) -> None:
        """Note a sign-in that failed, by what was tried: an account, an address."""
        rows = [{"who": digest(each), "at": now} for each in who]
        await self._connection.execute(insert(failed_sign_in), rows)

    async def failures(self, who: str, since: datetime) -> int:
        """How many sign-ins failed lately; older ones are forgotten."""
        columns = failed_sign_in.c
        lately = (columns.who == digest(who)) & (columns.at > since)
        count = select(func.count()).select_from(failed_sign_in).where(lately)
        return await self._connection.scalar(count) or 0

    async def forget_failures(self, before: datetime) -> None:
        await self._connection.execute(delete(failed_sign_in).where(failed_sign_in.c.at <= before))

    async def _roles(self, email: str) -> dict[int | None, Role]:
        query = select(person.c.portal_id, person.c.role).where(
            or_(person.c.email == email, func.lower(person.c.email) == email)
        )
        rows = await self._connection.execute(query)
        return {row.portal_id: Role(row.role) for row in rows}


def digest(shown: str) -> str:
    """Of 192 random bits a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(shown.encode("utf-8", "surrogateescape")).hexdigest()


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
