"""Group commit: submissions that come at the same time share one flush to disk."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import structlog

from letterhead import failpoints
from letterhead.errors import LetterheadError, Moving, Unavailable
from letterhead.mail.letter import KeyReused, Letter, Receipt
from letterhead.store import bodies, letters
from letterhead.store.database import Database
from letterhead.store.fresh import Fresh
from letterhead.store.handing import Elsewhere, Handing, Hands

log = structlog.get_logger(__name__)

_WAITING_BYTES = 128 * 1024 * 1024  # of letters that wait for the disk; beyond it, 503
_GROUP_BYTES = 32 * 1024 * 1024  # of one transaction, which outcomes and claims wait for
_GROUP_LETTERS = 500  # the same; a submission is never parted
_MOMENT = 0.002  # seconds that a group waits for who was there a moment ago

Kept = Receipt | KeyReused


@dataclass(slots=True)
class _Submission:
    letters: Sequence[Letter]
    size: int
    done: asyncio.Future[list[Kept]]


class Committer:
    """Writes letters down; `add` returns when they are on disk, and on their way."""

    def __init__(
        self, database: Database, fresh: Fresh | None = None, hands: Hands | None = None
    ) -> None:
        self._database = database
        self._fresh = fresh or Fresh()
        self._hands = hands or Elsewhere()
        self._waiting: list[_Submission] = []
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._expected = 1  # submissions: as many as were there when the last group was done
        self._gathered = asyncio.Event()
        self.accepted = 0  # recipients since the start, without copies

    async def add(self, submitted: Sequence[Letter]) -> list[Kept]:
        """Keep all of `submitted` or nothing; says of each what it became."""
        size = sum(len(each.content) for each in submitted)
        if self._waiting and self._bytes + size > _WAITING_BYTES:
            raise Unavailable("More mail comes in than the disk can take at the moment.")
        done = asyncio.get_running_loop().create_future()
        submission = _Submission(submitted, size, done)
        self._waiting.append(submission)
        self._bytes += size
        self._arrived.set()
        if len(self._waiting) >= self._expected:
            self._gathered.set()
        return await submission.done

    async def run(self) -> None:
        """Write what waits, for ever; cancelled at the end, when all doors are closed."""
        while True:
            await self._arrived.wait()
            await self._gather()
            self._expected = await self._commit_next() + len(self._waiting)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Write what is added meanwhile; for who adds a little and goes."""
        running = asyncio.create_task(self.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _gather(self) -> None:
        """Give those a moment who were answered just now: most have more, and share the flush."""
        if len(self._waiting) < self._expected:
            self._gathered.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_MOMENT):
                    await self._gathered.wait()

    async def _commit_next(self) -> int:
        """Write a group, and forget it; gives how many submissions it was."""
        group = self._next_group()
        await self._commit(group)
        return len(group)

    def _next_group(self) -> list[_Submission]:
        size = count = letters = 0
        for submission in self._waiting:
            size, letters = size + submission.size, letters + len(submission.letters)
            if count and (size > _GROUP_BYTES or letters > _GROUP_LETTERS):
                break
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        self._bytes -= sum(each.size for each in group)
        if not self._waiting:
            self._arrived.clear()
        return group

    async def _commit(self, group: list[_Submission]) -> None:
        try:
            submitted = [each for part in group for each in part.letters]
            lanes = Handing(self._hands, submitted)
            kept = await self._write(submitted, lanes)
        except Exception as error:
            if len(group) > 1 and _is_of_one(error):  # it is not to spoil the others
                for part in group:
                    await self._commit([part])
                return
            if not isinstance(error, LetterheadError):
                log.exception("a submission could not be kept")
            _refuse(group, error)
        else:
            failpoints.reach("accepted")
            self._note(submitted, kept)
            _answer(group, kept)
            lanes.begin()

    def _note(self, submitted: Sequence[Letter], kept: Sequence[Kept]) -> None:
        for letter, each in zip(submitted, kept, strict=True):
            if isinstance(each, Receipt) and not each.replayed:
                self.accepted += len(each.addressees)
                self._fresh.keep(letter)

    async def _write(self, submitted: Sequence[Letter], lanes: Handing) -> list[Kept]:
        """Keep letters; large bodies are on disk before the rows that say where."""
        segments = self._database.segments
        large = bodies.large(submitted) if segments else None
        places = await segments.lay_down(large) if segments and large else {}
        failpoints.reach("laid")
        keep = partial(letters.add, submitted=submitted, places=places)
        return await lanes.keep(self._database, keep)


def _is_of_one(error: Exception) -> bool:
    """Whether it is about one submission, and not about the store."""
    return isinstance(error, Moving) or not isinstance(error, LetterheadError)


def _answer(group: Sequence[_Submission], kept: list[Kept]) -> None:
    at = 0
    for part in group:
        if not part.done.done():
            part.done.set_result(kept[at : at + len(part.letters)])
        at += len(part.letters)


def _refuse(group: Sequence[_Submission], error: Exception) -> None:
    for part in group:
        if not part.done.done():
            part.done.set_exception(error)
