"""Turn the key ring: a new key in front, everything sealed with it, old keys dropped later."""

from collections.abc import Sequence
from dataclasses import dataclass

from letterhead import failpoints
from letterhead.errors import Conflict
from letterhead.store.keys import KeyFile, new_key
from letterhead.store.store import Store


@dataclass(frozen=True, slots=True)
class Rotated:
    """What turning did, and whose passwords no key of the ring opens."""

    keys: int | None  # in the file; None if the ring stands in the environment
    resealed: int
    locked: Sequence[str]


async def turn(store: Store, ring: KeyFile | None) -> Rotated:
    """
    Put a new key in front, and seal everything with it; the old ones stay until `drop_old`.

    A service that runs meanwhile reads the file anew. A ring of the environment is the operator's
    to change: what its newest key has not sealed is sealed with it.
    """
    if ring:
        ring.write([new_key(), *ring()])
    elif not await store.outdated():
        raise Conflict(
            "Everything is sealed with the newest key of LETTERHEAD_SECRET_KEYS. Put a new one in"
            " front of it (`letterhead rotate-key --print-new` makes one), restart, and come back."
        )
    failpoints.reach("turning")
    return await _sealed(store, ring)


async def drop_old(store: Store, ring: KeyFile | None) -> Rotated:
    """Leave the newest key alone in the file, if everything is sealed with it."""
    if ring is None:
        raise Conflict("The ring stands in LETTERHEAD_SECRET_KEYS: take the old keys out there.")
    rotated = await _sealed(store, ring)
    if left := await store.outdated():
        raise Conflict(f"No key is dropped: passwords of {', '.join(left)} need another one.")
    ring.write(ring()[:1])
    return Rotated(1, rotated.resealed, rotated.locked)


async def _sealed(store: Store, ring: KeyFile | None) -> Rotated:
    resealed = await store.reseal()
    return Rotated(len(ring()) if ring else None, resealed, await store.locked())
