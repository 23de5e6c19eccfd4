"""The second step of a sign-in: its sealed secret, and codes that take its place once."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.secret import Secret
from letterhead.store.tables import recovery_code, second_step
from letterhead.store.vault import Vault


class SecondSteps:
    """The second step of everybody who has one."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def has(self, email: str) -> bool:
        query = select(second_step.c.email).where(second_step.c.email == email)
        return await self._connection.scalar(query) is not None

    async def secret(self, email: str) -> Secret | None:
        """The secret, opened; None if there is none, or no key of the ring opens it."""
        query = select(second_step.c.sealed_secret).where(second_step.c.email == email)
        sealed = await self._connection.scalar(query)
        return self._vault.open(sealed, _bound(email)) if sealed else None

    async def keep(self, email: str, secret: Secret, codes: Iterable[str], now: datetime) -> None:
        """Keep a secret with its recovery codes, in place of what was there."""
        await self.remove(email)
        sealed = self._vault.seal(secret, _bound(email))
        row = {"email": email, "sealed_secret": sealed, "last_step": 0, "created_at": now}
        await self._connection.execute(insert(second_step).values(**row))
        rows = [{"email": email, "digest": _digest(each)} for each in codes]
        await self._connection.execute(insert(recovery_code), rows)

    async def remove(self, email: str) -> None:
        for table in (second_step, recovery_code):
            await self._connection.execute(delete(table).where(table.c.email == email))

    async def use(self, email: str, step: int) -> bool:
        """Use the code of a step of time up; False if it, or a later one, was used before."""
        fresh = (second_step.c.email == email) & (second_step.c.last_step < step)
        query = update(second_step).where(fresh).values(last_step=step)
        return (await self._connection.execute(query)).rowcount > 0

    async def use_recovery_code(self, email: str, code: str) -> bool:
        """Use a recovery code up; False if there is no such code any more."""
        mine = (recovery_code.c.email == email) & (recovery_code.c.digest == _digest(code))
        return (await self._connection.execute(delete(recovery_code).where(mine))).rowcount > 0

    async def recovery_codes(self, email: str) -> int:
        """How many are left."""
        query = select(func.count()).where(recovery_code.c.email == email)
        return await self._connection.scalar(query) or 0

    async def outdated(self) -> Sequence[Row[Any]]:
        """What an older key of the ring sealed."""
        rows = await self._connection.execute(select(second_step).order_by(second_step.c.email))
        return [row for row in rows if not self._vault.is_newest(row.sealed_secret)]

    async def locked(self) -> list[str]:
        """Whose secret cannot be opened: its key is missing."""
        return [row.email for row in await self.outdated() if self._opened(row) is None]

    async def reseal(self, row: Row[Any]) -> bool:
        """Seal one with the newest key; False if it cannot be opened, or was replaced since."""
        secret = self._opened(row)
        if secret is None:
            return False
        unchanged = second_step.c.sealed_secret == row.sealed_secret
        query = update(second_step).where(second_step.c.email == row.email, unchanged)
        sealed = self._vault.seal(secret, _bound(row.email))
        return (await self._connection.execute(query.values(sealed_secret=sealed))).rowcount > 0

    def _opened(self, row: Row[Any]) -> Secret | None:
        return self._vault.open(row.sealed_secret, _bound(row.email))


def _bound(email: str) -> tuple[object, ...]:
    return "second step", email


def _digest(code: str) -> str:
    """Of 80 random bits a plain hash is enough, and it outlives the keys of the ring."""
    return hashlib.sha256(code.encode("utf-8", "surrogateescape")).hexdigest()
