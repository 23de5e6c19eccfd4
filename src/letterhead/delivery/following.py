"""Looks again, ever later, how the identities at Amazon SES stand."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from letterhead.delivery.rounds import for_ever
from letterhead.errors import LetterheadError, Unavailable

log = structlog.get_logger(__name__)

EVERY = 2.0  # seconds
_AT_ONCE = 20

Look = Callable[[int, int, datetime], Awaitable[None]]  # at a portal's version of settings


class Rows(Protocol):
    """What following needs of the store."""

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[int, int]]: ...


class Following:
    """Asks SES about each identity that is due, one after the other."""

    def __init__(self, rows: Rows, look: Look, clock: Callable[[], datetime]) -> None:
        self._rows = rows
        self._look = look
        self._clock = clock

    async def run(self) -> None:
        """Follow for ever."""
        await for_ever(self.once, EVERY, "following")

    async def once(self) -> None:
        for portal_id, version in await self._rows.due(self._clock(), _AT_ONCE):
            try:
                await self._look(portal_id, version, self._clock())
            except Unavailable:
                raise
            except LetterheadError as error:  # saved anew meanwhile, perhaps
                log.info("identity not looked at", portal=portal_id, reason=str(error))
            except Exception:
                # A fault of ours with one identity must not stop the others.
                log.exception("identity not looked at", portal=portal_id)
