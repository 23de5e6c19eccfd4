"""Whose key it is, and which portal is meant: looked up for each request, in one go."""

import hashlib
from collections.abc import Callable
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.engine import Connection

from letterhead.errors import Moved, Moving
from letterhead.mail.portal import Portal, Principal, Scope
from letterhead.mail.settings import DefaultSettings
from letterhead.store.prepared import Prepared
from letterhead.store.settings import settings_from
from letterhead.store.tables import key, portal, settings

# Portals with their live settings, those that have gone included.
EVER = select(portal, settings.c.type, settings.c.fields).outerjoin(
    settings,
    (settings.c.portal_id == portal.c.id) & (settings.c.version == portal.c.live_version),
)

# Made once: making a statement takes longer than running it.
_BY_SLUG = Prepared(EVER.where(portal.c.slug == bindparam("_slug")))
_BY_ID = Prepared(EVER.where(portal.c.id == bindparam("_id")))
_KEY = Prepared(select(key).where(key.c.digest == bindparam("_digest"), key.c.revoked_at.is_(None)))


def principal(reading: Connection, shown: str) -> Principal | None:
    """Whose key it is; None for one that never was or is revoked."""
    row = _KEY.first(reading, {"_digest": digest(shown)})
    if row is None:
        return None
    scopes = frozenset(map(Scope, row.scopes))
    return Principal(row.portal_id, scopes, row.id, row.last_used_at, row.name)


def by_slug(reading: Connection, slug: str, sees: Callable[[int], bool]) -> Portal | None:
    """
    The portal, where `sees` says of its id that it may be seen.

    Moving or Moved, if it is on its way to another cell, or there.
    """
    row = _BY_SLUG.first(reading, {"_slug": slug})
    return _here(row) if row and sees(row.id) else None


def by_id(reading: Connection, portal_id: int) -> Portal | None:
    """The portal; Moving or Moved, if it is on its way to another cell, or there."""
    return _here(_BY_ID.first(reading, {"_id": portal_id}))


def acting(reading: Connection, asking: Principal, slug: str | None) -> Portal | None:
    """The portal that is named, if whoever asks may see it, or the one of his key."""
    if slug is not None:
        return by_slug(reading, slug, lambda number: asking.portal_id in {None, number})
    return by_id(reading, asking.portal_id) if asking.portal_id is not None else None


def portal_from(row: Row[Any] | None) -> Portal | None:
    """The portal of a row of `EVER`."""
    if row is None:
        return None
    live = settings_from(row.type, row.fields) if row.type else DefaultSettings()
    return Portal(
        row.id,
        row.slug,
        row.name,
        row.created_at,
        row.live_version,
        live,
        refuses_foreign_from=row.refuses_foreign_from,
    )


def digest(shown: str) -> str:
    """Of a key of 192 random bits a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(shown.encode("utf-8", "surrogateescape")).hexdigest()


def _here(row: Row[Any] | None) -> Portal | None:
    """The portal of a row; Moving or Moved say that it cannot be found here."""
    if row is None or row.moving_at is None:
        return None if row is None or row.closed_at else portal_from(row)
    raise Moved if row.closed_at else Moving
