"""Which way the mail of a lane takes, as the portal's settings say."""

from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select
from sqlalchemy.engine import Connection

from letterhead.mail.letter import PLATFORM, Lane, Route
from letterhead.mail.settings import DefaultSettings, OwnSettings, Settings
from letterhead.store.prepared import Prepared
from letterhead.store.settings import settings_from
from letterhead.store.tables import identity, portal, settings


def _way(kind: Lane) -> Select[Any]:
    live, upcoming = portal.c.live_version, portal.c.next_version
    version = func.coalesce(upcoming, live) if kind is Lane.TEST else live
    columns = settings.c
    joined = (columns.portal_id == portal.c.id) & (columns.version == version)
    of_version = (identity.c.portal_id == columns.portal_id) & (
        identity.c.version == columns.version
    )
    return (
        select(portal.c.name, portal.c.fallback, columns.version, columns.type, columns.fields)
        .add_columns(columns.sealed_password, identity.c.tenant)
        .select_from(portal)
        .outerjoin(settings, joined)
        .outerjoin(identity, of_version)
        .where(portal.c.id == bindparam("_portal_id"), portal.c.closed_at.is_(None))
        .where(portal.c.moving_at.is_(None))
    )


_WAYS = {kind: Prepared(_way(kind)) for kind in Lane}


def way(reading: Connection, portal_id: int, kind: Lane) -> Row[Any] | None:
    """The settings that a lane uses: the live ones, those under test, or the platform's."""
    found: Row[Any] | None = _WAYS[kind].first(reading, {"_portal_id": portal_id})
    return found


def route_of(row: Row[Any], portal_id: int, kind: Lane, *, falls_back: bool = False) -> Route:
    """The route that a row of `way` means; that of the platform, where the portal falls back."""
    found = settings_from(row.type, row.fields) if row.type else DefaultSettings()
    own = isinstance(found, OwnSettings) and kind is not Lane.SYSTEM and not falls_back
    return Route(
        connection_id=portal_id if own else PLATFORM,
        version=row.version if own else 0,
        portal_id=portal_id,
        portal_name=row.name,
        settings=found if own else _default(found),
        sealed_password=row.sealed_password if own else None,
        trouble=None,
        tenant=(row.tenant or "") if own else "",
    )


def _default(live: Settings) -> DefaultSettings:
    """Who the platform's route speaks for: as the portal set it, else as the settings name it."""
    if isinstance(live, DefaultSettings):
        return live
    return DefaultSettings(from_name=live.from_name, reply_to=live.from_address)
