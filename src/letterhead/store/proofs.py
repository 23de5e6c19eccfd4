"""The test mails of a portal's settings: one row a version, the newest test."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.message import MessageClass
from letterhead.mail.proof import Proof
from letterhead.mail.said import kept, told
from letterhead.store.tables import message, test


class ProofRows:
    """The tests of one portal."""

    def __init__(self, connection: AsyncConnection, portal_id: int) -> None:
        self._connection = connection
        self._portal_id = portal_id

    async def of(self, version: int) -> Proof | None:
        """The newest test of a version."""
        columns = [each for each in test.c if each.name not in {"portal_id", "version"}]
        rows = await self._connection.execute(select(*columns).where(self._is(version)))
        row = rows.first()
        return Proof(**told(row._mapping)) if row else None  # noqa: SLF001 - SQLAlchemy's public API

    async def begin(self, version: int, proof: Proof) -> None:
        """Note that a test mail is on its way, in the place of an earlier test."""
        await self._connection.execute(delete(test).where(self._is(version)))
        row = {"portal_id": self._portal_id, "version": version, **kept(asdict(proof))}
        await self._connection.execute(insert(test).values(row))

    async def count_wrong_code(self, version: int) -> None:
        wrong = test.c.wrong_codes + 1
        await self._change(version, {"wrong_codes": wrong})

    async def confirm(self, version: int, now: datetime, by: str) -> None:
        await self._change(version, {"confirmed_at": now, "confirmed_by": by})

    async def sent_since(self, then: datetime) -> int:
        """How many test mails this portal has sent since `then`."""
        query = (
            select(func.count())
            .select_from(message)
            .where(
                message.c.portal_id == self._portal_id,
                message.c.message_class == MessageClass.TEST.value,
                message.c.created_at > then,
            )
        )
        return await self._connection.scalar(query) or 0

    async def _change(self, version: int, values: Mapping[str, Any]) -> None:
        await self._connection.execute(update(test).where(self._is(version)).values(values))

    def _is(self, version: int) -> Any:  # noqa: ANN401 - a condition
        return (test.c.portal_id == self._portal_id) & (test.c.version == version)
