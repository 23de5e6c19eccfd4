"""What goes on for ever, in rounds; no trouble ends it."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from letterhead.errors import Unavailable

log = structlog.get_logger(__name__)


async def for_ever(do: Callable[[], Awaitable[None]], every: float, name: str) -> None:
    """Do it again and again, `every` so many seconds; the log calls it by its `name`."""
    while True:
        try:
            await do()
        except Unavailable as error:
            log.warning("a round waits for the store", of=name, reason=str(error))
        except Exception:
            log.exception("a round broke", of=name)
        await asyncio.sleep(every)
