"""The stored passwords of all portals: which of them can be opened, and sealing them anew."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.secret import Secret
from letterhead.mail.settings import OwnSettings
from letterhead.store.settings import destination, settings_from
from letterhead.store.tables import portal, settings
from letterhead.store.vault import Vault


class PasswordRows:
    """Every stored password, with the portal that it belongs to."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def every(self) -> Sequence[Row[Any]]:
        rows = await self._connection.execute(
            select(portal.c.slug, settings)
            .join_from(settings, portal, settings.c.portal_id == portal.c.id)
            .where(settings.c.sealed_password.is_not(None))
            .order_by(portal.c.slug, settings.c.version)
        )
        return rows.all()

    async def locked(self) -> list[str]:
        """The slugs of portals with a stored password that cannot be opened."""
        rows = await self.every()
        return list(dict.fromkeys(row.slug for row in rows if self._opened(row) is None))

    async def outdated(self) -> Sequence[Row[Any]]:
        """What an older key of the ring sealed."""
        self._vault.read()
        rows = await self.every()
        return [row for row in rows if not self._vault.is_newest(row.sealed_password)]

    async def reseal(self, row: Row[Any]) -> bool:
        """Seal one with the newest key; False if it cannot be opened, or was typed anew since."""
        password = self._opened(row)
        if password is None:
            return False
        is_it = (settings.c.portal_id == row.portal_id) & (settings.c.version == row.version)
        sealed = self._vault.seal(password, _bound(row))
        unchanged = settings.c.sealed_password == row.sealed_password
        query = update(settings).where(is_it, unchanged).values(sealed_password=sealed)
        return (await self._connection.execute(query)).rowcount > 0

    def _opened(self, row: Row[Any]) -> Secret | None:
        return self._vault.open(row.sealed_password, _bound(row))


def _bound(row: Row[Any]) -> tuple[object, ...]:
    found = settings_from(row.type, row.fields)
    return destination(row.portal_id, found) if isinstance(found, OwnSettings) else ()
