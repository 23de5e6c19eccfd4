"""The domains that a portal has proven to be its own, and the codes sent to their postmasters."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.proof import DomainCode
from letterhead.store.tables import domain_code, proven_domain


class DomainRows:
    """The proven domains of one portal; several portals may prove the same one."""

    def __init__(self, connection: AsyncConnection, portal_id: int) -> None:
        self._connection = connection
        self._portal_id = portal_id

    async def is_proven(self, domain: str) -> bool:
        query = select(proven_domain.c.domain).where(*self._is(domain))
        return await self._connection.scalar(query) is not None

    async def prove(self, domain: str, now: datetime) -> None:
        """Note that the domain was proven now; its codes are used up."""
        await self._connection.execute(delete(proven_domain).where(*self._is(domain)))
        await self._connection.execute(
            insert(proven_domain).values(portal_id=self._portal_id, domain=domain, proven_at=now)
        )
        used = update(domain_code).where(self._mine, domain_code.c.domain == domain)
        await self._connection.execute(used.values(used=True))

    async def keep_code(self, code: DomainCode) -> None:
        """Note a code that is being sent; it takes the place of an earlier one."""
        row = {"portal_id": self._portal_id, **asdict(code)}
        await self._connection.execute(insert(domain_code).values(row))

    async def newest_code(self, domain: str) -> DomainCode | None:
        """The code that was sent last for a domain; None if there is none, or it was used."""
        columns = domain_code.c
        kept = [each for each in columns if each.name not in {"portal_id", "used"}]
        query = select(*kept).where(self._mine, columns.domain == domain, ~columns.used)
        rows = await self._connection.execute(query.order_by(columns.message_id.desc()).limit(1))
        row = rows.first()
        return DomainCode(**row._mapping) if row else None  # noqa: SLF001 - SQLAlchemy's public API

    async def count_wrong_code(self, message_id: str) -> None:
        columns = domain_code.c
        query = update(domain_code).where(self._mine, columns.message_id == message_id)
        await self._connection.execute(query.values(wrong_codes=columns.wrong_codes + 1))

    async def codes_since(self, then: datetime) -> int:
        """How many codes this portal has had sent since `then`."""
        query = select(func.count()).select_from(domain_code)
        recent = query.where(self._mine, domain_code.c.sent_at > then)
        return await self._connection.scalar(recent) or 0

    @property
    def _mine(self) -> ColumnElement[bool]:
        return domain_code.c.portal_id == self._portal_id

    def _is(self, domain: str) -> tuple[ColumnElement[bool], ...]:
        columns = proven_domain.c
        return columns.portal_id == self._portal_id, columns.domain == domain
