"""Portals, their keys and their people: what the platform asks for."""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.errors import Invalid, Problem
from letterhead.mail.letter import PLATFORM
from letterhead.mail.portal import Portal, Principal, Role, Scope
from letterhead.mail.secret import Secret
from letterhead.store import access
from letterhead.store.access import portal_from
from letterhead.store.changes import ChangeRows
from letterhead.store.tables import connection, gone_portal, key, person, portal, session

_KEY_BYTES = 24  # 192 bits
_PORTALS = access.EVER.where(portal.c.closed_at.is_(None))


class PlatformRows:
    """Every portal, every key, every person."""

    def __init__(self, connection: AsyncConnection, by: str = "") -> None:
        self._connection = connection
        self._by = by

    def changes(self, portal_id: int) -> ChangeRows:
        """The history of a portal."""
        return ChangeRows(self._connection, portal_id, self._by)

    async def add_portal(self, slug: str, name: str, now: datetime) -> Portal:
        query = insert(portal).values(slug=slug, name=name, created_at=now).returning(portal.c.id)
        try:
            number = await self._connection.scalar(query)
        except IntegrityError as error:
            taken = Problem("slug", "taken", "There is a portal with this slug already.")
            raise Invalid([taken]) from error
        return Portal(int(number or 0), slug, name, now)

    async def portal(
        self, slug: str, sees: Callable[[int], bool] = lambda _: True
    ) -> Portal | None:
        """
        The portal, where `sees` says of its id that it may be seen.

        Moving or Moved, if it is on its way to another cell, or there.
        """
        return await self._connection.run_sync(access.by_slug, slug, sees)

    async def portal_by_id(self, portal_id: int) -> Portal | None:
        """The portal; Moving or Moved, if it is on its way to another cell, or there."""
        return await self._connection.run_sync(access.by_id, portal_id)

    async def portal_at_work(self, portal_id: int) -> Portal | None:
        """The portal, unless it has gone, or is about to."""
        mine = (portal.c.id == portal_id) & portal.c.moving_at.is_(None)
        return portal_from((await self._connection.execute(_PORTALS.where(mine))).first())

    async def portals(
        self, *, after: str, limit: int, text: str = "", among: Collection[int] | None = None
    ) -> Sequence[Portal]:
        """
        Portals by slug, from behind `after`.

        Those whose name or slug holds `text`; of `among`, their ids, where it is given.
        """
        query = _PORTALS.where(portal.c.slug > after).order_by(portal.c.slug).limit(limit)
        if among is not None:
            query = query.where(portal.c.id.in_(among))
        if text:
            columns = (portal.c.slug, portal.c.name)
            query = query.where(or_(*(each.icontains(text, autoescape=True) for each in columns)))
        return [
            found for row in await self._connection.execute(query) if (found := portal_from(row))
        ]

    async def count_portals(self) -> int:
        query = select(func.count()).select_from(portal).where(portal.c.closed_at.is_(None))
        return await self._connection.scalar(query) or 0

    async def troubles(self, of: Collection[Portal]) -> Mapping[int, Any]:
        """What is wrong with the connections of portals, by their ids."""
        columns = connection.c
        query = select(columns.id, columns.version, columns.paused, columns.since, columns.fault)
        ids = [PLATFORM, *(each.id for each in of)]
        rows = await self._connection.execute(query.where(columns.id.in_(ids)))
        live = {PLATFORM: 0, **{each.id: each.live_version for each in of}}
        return {row.id: row for row in rows if live[row.id] == row.version}

    async def gone(self, limit: int) -> Sequence[Row[Any]]:
        """The portals that were deleted, the last one first."""
        query = select(gone_portal).order_by(gone_portal.c.id.desc()).limit(limit)
        return (await self._connection.execute(query)).all()

    async def add_key(
        self, portal_id: int | None, name: str, scopes: Iterable[Scope], now: datetime
    ) -> Secret:
        """Make a key; only its digest is kept, so this is the one time that it can be seen."""
        made = Secret(f"lh_{secrets.token_urlsafe(_KEY_BYTES)}")
        await self._insert_key(made, portal_id, name, scopes, now=now)
        return made

    async def keep_platform_key(self, known: Secret, now: datetime) -> None:
        """Keep a platform key that the operator chose, once."""
        if await self.principal(known.reveal()) is None:
            await self._insert_key(known, None, "bootstrap", (), now=now)

    async def principal(self, shown: str) -> Principal | None:
        """Whose key it is; None for one that never was or is revoked."""
        return await self._connection.run_sync(access.principal, shown)

    async def keys(self, portal_id: int, *, after: int, limit: int) -> Sequence[Row[Any]]:
        """The keys of a portal that were not revoked, oldest first, from behind `after`."""
        mine = (key.c.portal_id == portal_id) & key.c.revoked_at.is_(None) & (key.c.id > after)
        query = select(key).where(mine).order_by(key.c.id).limit(limit)
        return (await self._connection.execute(query)).all()

    async def note_use(self, key_id: int, now: datetime) -> None:
        """Note that a key was used."""
        await self._connection.execute(
            update(key).where(key.c.id == key_id).values(last_used_at=now)
        )

    async def revoke_key(self, portal_id: int, key_id: int, now: datetime) -> str | None:
        """Let a key of a portal open nothing any more; gives its name, None if there is none."""
        mine = (key.c.id == key_id) & (key.c.portal_id == portal_id) & key.c.revoked_at.is_(None)
        query = update(key).where(mine).values(revoked_at=now).returning(key.c.name)
        name: str | None = await self._connection.scalar(query)
        return name

    async def people(self, portal_id: int, *, after: str, limit: int) -> Sequence[Row[Any]]:
        """The people of a portal, by address, from behind `after`."""
        mine = (person.c.portal_id == portal_id) & (person.c.email > after)
        query = select(person).where(mine).order_by(person.c.email).limit(limit)
        return (await self._connection.execute(query)).all()

    async def person(self, portal_id: int, person_id: int) -> Row[Any] | None:
        """One of the people of a portal."""
        query = select(person).where(person.c.id == person_id, person.c.portal_id == portal_id)
        return (await self._connection.execute(query)).first()

    async def change_role(self, person_id: int, role: Role) -> None:
        query = update(person).where(person.c.id == person_id).values(role=role.value)
        await self._connection.execute(query)

    async def remove_person(self, person_id: int, email: str) -> None:
        """Take a person's role in a portal away, and end their sessions."""
        await self._connection.execute(delete(person).where(person.c.id == person_id))
        own = (session.c.email == email.lower()) & session.c.portal_id.is_(None)
        await self._connection.execute(delete(session).where(own))

    async def add_person(
        self, email: str, role: Role, portal_id: int | None, now: datetime
    ) -> None:
        known = await self._connection.scalar(
            select(person.c.id).where(
                person.c.email == email, person.c.portal_id.is_not_distinct_from(portal_id)
            )
        )
        if known:
            raise Invalid([Problem("email", "taken", "This person is there already.")])
        await self._connection.execute(
            insert(person).values(email=email, role=role.value, portal_id=portal_id, created_at=now)
        )

    async def _insert_key(
        self,
        made: Secret,
        portal_id: int | None,
        name: str,
        scopes: Iterable[Scope],
        *,
        now: datetime,
    ) -> None:
        await self._connection.execute(
            insert(key).values(
                portal_id=portal_id,
                name=name,
                scopes=[each.value for each in scopes],
                digest=access.digest(made.reveal()),
                created_at=now,
            )
        )
