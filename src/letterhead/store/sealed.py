"""Every secret that is stored, of whatever kind."""

from sqlalchemy import func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.store.tables import second_step, settings, webhook
from letterhead.store.vault import ID_BYTES, Vault

_SECRETS = (settings.c.sealed_password, second_step.c.sealed_secret, webhook.c.sealed_secret)
_BY_KEY = union_all(
    *(
        select(func.substr(each, 1, ID_BYTES).label("key"), func.count())
        .where(each.is_not(None))
        .group_by("key")
        for each in _SECRETS
    )
)


async def without_key(reading: AsyncConnection, vault: Vault) -> int:
    """How many were sealed by a key that is not in the ring."""
    rows = await reading.execute(_BY_KEY)
    return sum(count for sealed_by, count in rows if not vault.has(bytes(sealed_by)))
