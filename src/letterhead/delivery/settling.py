"""Outcomes are written down within milliseconds, those of all lanes together."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import structlog

from letterhead import failpoints
from letterhead.errors import Unavailable
from letterhead.mail.letter import Claim
from letterhead.mail.outcome import Outcome

log = structlog.get_logger(__name__)

_AT_ONCE = 500  # outcomes in one transaction
_PAUSE = 0.5  # seconds before the store is tried again

Settled = tuple[Claim, Outcome, datetime]


class Ledger(Protocol):
    """What settling needs of the store."""

    async def settle(self, outcomes: Sequence[Settled]) -> None: ...


class Settler:
    """
    Groups outcomes by what arrives while the last group is written.

    An outcome that the store cannot take is kept until it can: the mail has gone already, and
    forgetting that would send it twice.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[tuple[Settled, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()
        self.counts: Counter[str] = Counter()  # outcomes since the start, by their names

    def add(self, claim: Claim, outcome: Outcome, now: datetime) -> asyncio.Future[None]:
        """Note an outcome; the future is done when it is written down."""
        done = asyncio.get_running_loop().create_future()
        self.counts[type(outcome).__name__.lower()] += 1
        self._waiting.append(((claim, outcome, now), done))
        self._arrived.set()
        return done

    async def run(self) -> None:
        """Write what comes, for ever; cancelled when every lane has ended."""
        while True:
            await self._arrived.wait()
            group, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            if not self._waiting:
                self._arrived.clear()
            await self._write([settled for settled, _ in group])
            failpoints.reach("settled")
            for _, done in group:
                if not done.done():
                    done.set_result(None)

    async def _write(self, group: Sequence[Settled]) -> None:
        while True:
            try:
                await self._ledger.settle(group)
            except Unavailable as error:
                log.warning("outcomes wait for the store", count=len(group), reason=str(error))
            except Exception:
                log.exception("outcomes could not be written", count=len(group))
            else:
                return
            await asyncio.sleep(_PAUSE)
