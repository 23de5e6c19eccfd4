"""The engines and the transactions."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import partial
from importlib import import_module
from typing import TypeVar

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from letterhead.errors import Misconfigured
from letterhead.store import revisions
from letterhead.store.promises import Kind, Promise
from letterhead.store.together import Together, Work

_TRIES = 4  # of a transaction that met another one

T = TypeVar("T")


class Database:
    """
    A SQLite file or a PostgreSQL database, with an engine for each promise.

    `accept` is on disk when it returns. `settle` survives the death of the process, but the last
    few milliseconds may go with a power cut: then a mail is sent twice, never lost.

    What is done for every message is a function of a connection (`accepting`, `settling`,
    `reading`): it runs in a thread as a whole, which costs a third of a hop for each statement.
    It may run more than once: what met another transaction is undone and tried again.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._kind = kind_of(url)
        self._engines = {each: self._kind.async_engine(url, each) for each in Promise}
        self._thread_engines = {each: self._kind.engine(url, each) for each in Promise}
        self.segments = self._kind.segments(url)
        self._writers = ThreadPoolExecutor(self._kind.WRITERS, "letterhead-writer")
        self._readers = ThreadPoolExecutor(self._kind.READERS, "letterhead-reader")
        # Where there is one writer at a time, waiting in line here is cheaper than trying there.
        turn, reading = asyncio.Lock(), asyncio.Lock()
        self._turn: AbstractAsyncContextManager[None] = nullcontext()
        self._together: Mapping[Promise, Together] = {}
        if self._kind.ONE_WRITER:
            turns = {Promise.ACCEPT: turn, Promise.SETTLE: turn, Promise.READ: reading}
            self._turn = turn
            self._together = {
                each: Together(partial(self._in_thread, each), lock) for each, lock in turns.items()
            }

    @property
    def shared(self) -> bool:
        """Whether other processes may work on it, too."""
        return not self._kind.ONE_WRITER

    @asynccontextmanager
    async def accept(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is on disk when it ends well."""
        async with self._turn, self._transaction(Promise.ACCEPT) as connection:
            yield connection

    @asynccontextmanager
    async def settle(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that the death of the process cannot undo when it ends well."""
        async with self._turn, self._transaction(Promise.SETTLE) as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A view that does not change while it is looked at."""
        async with self._transaction(Promise.READ) as connection:
            yield connection

    async def accepting(self, work: Work[T]) -> T:
        """Do all of `work` in a transaction that is on disk when it ends well."""
        return await self._do(Promise.ACCEPT, work)

    async def settling(self, work: Work[T]) -> T:
        """Do all of `work` in a transaction that the death of the process cannot undo."""
        return await self._do(Promise.SETTLE, work)

    async def reading(self, work: Work[T]) -> T:
        """Do all of `work` on a view that does not change meanwhile."""
        return await self._do(Promise.READ, work)

    async def migrate(self) -> None:
        """Bring the tables up to date; refuses tables of a newer version."""
        await asyncio.to_thread(revisions.upgrade, self._kind, self.url)

    async def prepare(self) -> None:
        """Bring SQLite's tables up to date; refuse PostgreSQL's if they are not."""
        act = revisions.upgrade if self._kind.MIGRATES_ITSELF else revisions.demand_newest
        await asyncio.to_thread(act, self._kind, self.url)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Refuse to serve a database that another process serves already."""
        with revisions.explained(), self._kind.alone(self.url) as alone:
            if not alone:
                raise Misconfigured("Another process serves this database already.")
            yield

    async def close(self) -> None:
        for engine in self._engines.values():
            await engine.dispose()
        for thread in (self._writers, self._readers):
            thread.shutdown()
        for each in self._thread_engines.values():
            each.dispose()
        if self.segments:  # the last: rows that point there may have been on their way
            self.segments.close()

    @asynccontextmanager
    async def _transaction(self, promise: Promise) -> AsyncIterator[AsyncConnection]:
        engine: AsyncEngine = self._engines[promise]
        with _translating(self._kind):
            async with engine.begin() as connection:
                yield connection

    async def _do(self, promise: Promise, work: Work[T]) -> T:
        together = self._together.get(promise)
        return await (together.do(work) if together else self._in_thread(promise, work))

    async def _in_thread(self, promise: Promise, work: Work[T]) -> T:
        threads = self._readers if promise is Promise.READ else self._writers

        def whole() -> T:
            with _translating(self._kind):
                return _tried(self._kind, self._thread_engines[promise], work)

        return await asyncio.get_running_loop().run_in_executor(threads, whole)


def kind_of(url: str) -> Kind:
    """The module for a database; the other one, and its driver, is not loaded."""
    name = "sqlite" if url.startswith("sqlite") else "postgresql"
    kind: Kind = import_module(f"letterhead.store.{name}")
    return kind


def _tried(kind: Kind, engine: Engine, work: Work[T]) -> T:
    for _ in range(_TRIES - 1):
        try:
            return _once(engine, work)
        except SQLAlchemyError as error:
            if not kind.may_pass(error):
                raise
    return _once(engine, work)


def _once(engine: Engine, work: Work[T]) -> T:
    with engine.begin() as connection:
        return work(connection)


@contextmanager
def _translating(kind: Kind) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        found = kind.translated(error)
        if found is error:
            raise
        raise found from error
