"""What Amazon SES said of the identities that portals send as, a row a version of settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail import identity as identities
from letterhead.mail.identity import Identity
from letterhead.mail.settings import SesSettings
from letterhead.store.database import Database
from letterhead.store.tables import identity, portal


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The last look at an identity; `found` is None as long as SES has not answered."""

    found: Identity | None = None
    fault: str | None = None  # why SES did not answer the last time
    reply: Mapping[str, Any] | None = None
    looked_at: datetime | None = None
    looks: int = 0  # since it was ready last, or was asked for
    due: datetime | None = None


class IdentityRows:
    """The identities of one portal."""

    def __init__(self, connection: AsyncConnection, portal_id: int) -> None:
        self._connection = connection
        self._portal_id = portal_id

    async def of(self, version: int) -> Look | None:
        """The last look at the identity of a version; None if it sends by another way."""
        row = (await self._connection.execute(select(identity).where(*self._is(version)))).first()
        return _look(row) if row else None

    async def begin(self, version: int, settings: SesSettings, now: datetime) -> None:
        """Let the identity of new settings be looked at; what is known of the same one is taken."""
        columns = identity.c
        known = select(columns.found, columns.tenant, columns.looked_at).where(
            _same(settings), columns.portal_id == self._portal_id, columns.found.is_not(None)
        )
        query = known.order_by(columns.version.desc()).limit(1)
        row = (await self._connection.execute(query)).mappings().first()
        values = {
            "portal_id": self._portal_id,
            "version": version,
            "region": settings.region,
            "payer": settings.payer,
            "name": settings.identity_name,
            "due": now,
            **(row or {}),
        }
        await self._connection.execute(insert(identity).values(values))

    async def keep(self, version: int, look: Look) -> None:
        """Keep what a look has found; what was known before stays where SES did not answer."""
        values = {
            "fault": look.fault,
            "reply": look.reply,
            "looked_at": look.looked_at,
            "looks": look.looks,
            "due": look.due,
        }
        if look.found:
            values |= {"found": identities.kept(look.found), "tenant": look.found.tenant}
        # What was asked for later, and answered sooner, is newer.
        looked_at = identity.c.looked_at
        newest = looked_at.is_(None) | (looked_at <= look.looked_at)
        query = update(identity).where(*self._is(version), newest).values(values)
        await self._connection.execute(query)

    async def forget(self, version: int) -> None:
        """Forget what SES said: the identity is gone until somebody asks for it again."""
        query = update(identity).where(*self._is(version))
        names = ("found", "fault", "reply", "looked_at", "due")
        await self._connection.execute(query.values(**dict.fromkeys(names), tenant="", looks=0))

    async def is_shared(self, settings: SesSettings) -> bool:
        """Whether another portal sends as the same identity of the same account."""
        same = _same(settings) & (identity.c.portal_id != self._portal_id)
        return bool(
            await self._connection.scalar(select(exists(select(identity.c.name).where(same))))
        )

    def _is(self, version: int) -> tuple[ColumnElement[bool], ...]:
        return identity.c.portal_id == self._portal_id, identity.c.version == version


class DueIdentities:
    """The identities that are to be looked at again; fits `delivery.following.Rows`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[int, int]]:
        """Portals, each with the version (live or next) whose identity is due."""
        columns = identity.c
        current = or_(
            portal.c.live_version == columns.version, portal.c.next_version == columns.version
        )
        query = (
            select(columns.portal_id, columns.version)
            .join_from(identity, portal, columns.portal_id == portal.c.id)
            .where(current, columns.due <= now)
            .order_by(columns.due)
            .limit(limit)
        )
        async with self._database.read() as reading:
            return [(row.portal_id, row.version) for row in await reading.execute(query)]


def _same(settings: SesSettings) -> ColumnElement[bool]:
    columns = identity.c
    return (
        (columns.name == settings.identity_name)
        & (columns.region == settings.region)
        & (columns.payer == settings.payer)
    )


def _look(row: Row[Any]) -> Look:
    return Look(
        found=identities.read(row.found),
        fault=row.fault,
        reply=row.reply,
        looked_at=row.looked_at,
        looks=row.looks,
        due=row.due,
    )
