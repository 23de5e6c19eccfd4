"""Work that takes long on the event loop, with a breath now and then."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

_BREATH = 25  # messages after which others have their turn

Item = TypeVar("Item")


async def in_turns(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Give one after the other; whoever else waits is served in between."""
    for at, item in enumerate(items, 1):
        yield item
        if at % _BREATH == 0:
            await asyncio.sleep(0)
