"""Segments of which little is needed: that moves into its rows, and the files go."""

import asyncio
from functools import partial
from pathlib import Path

from letterhead.store import bodies, segments
from letterhead.store.database import Database

_NEEDED = 0.25  # of a file: with more of it, moving that would be the greater work


async def remove(database: Database) -> int:
    """Remove files that nobody appends to; says how many."""
    if database.segments is None or not database.segments.folder.is_dir():
        return 0
    return sum([await _removed(database, each) for each in database.segments.folder.iterdir()])


async def _removed(database: Database, file: Path) -> bool:
    with segments.left_alone(file) as is_ours:
        if not is_ours or not await _is_empty(database, file):
            return False
        await asyncio.to_thread(file.unlink)
    return True


async def _is_empty(database: Database, file: Path) -> bool:
    """Whether no row needs a file; if few do, they are given what they need of it."""
    left = partial(bodies.left, segment=file.name)
    octets = await database.reading(left)
    if octets > _few(file):
        return False
    # On disk before the file is gone: a power cut would take the only copy.
    while octets and await database.accepting(partial(bodies.bring_home, segment=file.name)):
        pass
    return not octets or not await database.reading(left)


def _few(file: Path) -> int:
    """So many octets of a file are few."""
    return int(file.stat().st_size * _NEEDED)
