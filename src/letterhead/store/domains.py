"""The domains that a portal has proven to be its own."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.store.tables import proven_domain


class DomainRows:
    """The proven domains of one portal; several portals may prove the same one."""

    def __init__(self, connection: AsyncConnection, portal_id: int) -> None:
        self._connection = connection
        self._portal_id = portal_id

    async def is_proven(self, domain: str) -> bool:
        query = select(proven_domain.c.domain).where(*self._is(domain))
        return await self._connection.scalar(query) is not None

    async def prove(self, domain: str, now: datetime) -> None:
        """Note that the domain was proven now."""
        await self._connection.execute(delete(proven_domain).where(*self._is(domain)))
        await self._connection.execute(
            insert(proven_domain).values(portal_id=self._portal_id, domain=domain, proven_at=now)
        )

    def _is(self, domain: str) -> tuple[ColumnElement[bool], ...]:
        columns = proven_domain.c
        return columns.portal_id == self._portal_id, columns.domain == domain
