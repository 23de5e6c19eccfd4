"""The time for which claims belong to a worker."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from letterhead.errors import Unavailable

log = structlog.get_logger(__name__)

TERM = timedelta(seconds=8)  # after which others go on with what a dead worker left
_RENEW = 2.5  # seconds


class Renewing(Protocol):
    """What a lease needs of the store."""

    async def renew(self, lease: str, until: datetime) -> bool: ...


class Lease:
    """A token that no other burst has, and the time until which the store honours it."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.token = secrets.token_hex(16)
        self.until = clock() + TERM

    @property
    def holds(self) -> bool:
        """Whether what was claimed is still ours; a worker that slept finds that it is not."""
        return self._clock() < self.until

    @asynccontextmanager
    async def kept(self, rows: Renewing) -> AsyncIterator[None]:
        """Renew the lease for as long as the body takes; most take less than a term."""
        renewing: set[asyncio.Task[None]] = set()
        later = asyncio.get_running_loop().call_later(
            _RENEW, lambda: renewing.add(asyncio.create_task(self._renew(rows)))
        )
        try:
            yield
        finally:
            later.cancel()
            for each in renewing:
                each.cancel()
                await asyncio.wait([each])

    async def _renew(self, rows: Renewing) -> None:
        """One that cannot be renewed ends by itself, and what was claimed comes round again."""
        while True:
            until = self._clock() + TERM
            try:
                renewed = await rows.renew(self.token, until)
            except Unavailable as error:
                log.warning("lease not renewed", reason=str(error))
            except Exception:
                log.exception("lease not renewed")
            else:
                self.until = until if renewed else self.until
            await asyncio.sleep(_RENEW)
