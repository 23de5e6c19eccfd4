"""The engines and the transactions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from letterhead.errors import StorageFull, Unavailable

_BUSY_MS = 10_000  # how long SQLite waits for another process that writes
_READERS = 4

T = TypeVar("T")
Work = Callable[[Connection], T]


class Database:
    """
    One SQLite file, with an engine for each promise.

    `accept` is on disk when it returns (`synchronous=FULL`). `settle` survives the death of the
    process, but the last few milliseconds may go with a power cut (`NORMAL`): then a mail is
    sent twice, never lost.

    What is done for every message is a function of a connection (`accepting`, `settling`,
    `reading`): it runs in a thread as a whole, which costs a third of a hop for each statement.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._accepting = _engine(url, synchronous="FULL", begin="BEGIN IMMEDIATE", connections=1)
        self._settling = _engine(url, synchronous="NORMAL", begin="BEGIN IMMEDIATE", connections=1)
        self._reading = _engine(url, synchronous="NORMAL", begin="BEGIN", connections=_READERS)
        # SQLite has one writer at a time: waiting in line here is cheaper than trying there.
        self._turn = asyncio.Lock()
        self._writer = ThreadPoolExecutor(1, "letterhead-writer")
        self._accepting_thread = _thread_engine(url, "FULL", "BEGIN IMMEDIATE")
        self._settling_thread = _thread_engine(url, "NORMAL", "BEGIN IMMEDIATE")
        self._reader = ThreadPoolExecutor(1, "letterhead-reader")
        self._reading_thread = _thread_engine(url, "NORMAL", "BEGIN")

    @asynccontextmanager
    async def accept(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is on disk when it ends well."""
        async with self._turn, _transaction(self._accepting) as connection:
            yield connection

    @asynccontextmanager
    async def settle(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that the death of the process cannot undo when it ends well."""
        async with self._turn, _transaction(self._settling) as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A view that does not change while it is looked at."""
        async with _transaction(self._reading) as connection:
            yield connection

    async def accepting(self, work: Work[T]) -> T:
        """Do all of `work` in a transaction that is on disk when it ends well."""
        async with self._turn:
            return await _in_thread(self._writer, self._accepting_thread, work)

    async def settling(self, work: Work[T]) -> T:
        """Do all of `work` in a transaction that the death of the process cannot undo."""
        async with self._turn:
            return await _in_thread(self._writer, self._settling_thread, work)

    async def reading(self, work: Work[T]) -> T:
        """Do all of `work` on a view that does not change meanwhile."""
        return await _in_thread(self._reader, self._reading_thread, work)

    async def migrate(self) -> None:
        """Bring the tables up to date; refuses tables of a newer version."""
        with _translating():
            await asyncio.to_thread(_upgrade, self.url)

    async def close(self) -> None:
        for engine in (self._accepting, self._settling, self._reading):
            await engine.dispose()
        for thread in (self._writer, self._reader):
            thread.shutdown()
        for each in (self._accepting_thread, self._settling_thread, self._reading_thread):
            each.dispose()


async def _in_thread(thread: ThreadPoolExecutor, engine: Engine, work: Work[T]) -> T:
    def whole() -> T:
        with _translating(), engine.begin() as connection:
            return work(connection)

    return await asyncio.get_running_loop().run_in_executor(thread, whole)


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _translated(error) from error


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    with _translating():
        async with engine.begin() as connection:
            yield connection


def _translated(error: DBAPIError) -> Exception:
    text = str(error.orig)
    if "full" in text:
        return StorageFull("The disk is full.")
    if any(sign in text for sign in ("locked", "busy", "disk I/O", "unable to open", "readonly")):
        return Unavailable("The database cannot be opened or written to at the moment.")
    return error


def _engine(url: str, *, synchronous: str, begin: str, connections: int) -> AsyncEngine:
    engine = create_async_engine(
        url.replace("sqlite://", "sqlite+aiosqlite://", 1),
        pool_size=connections,
        max_overflow=0,
    )
    _prepare(engine.sync_engine, synchronous, begin)
    return engine


def _thread_engine(url: str, synchronous: str, begin: str) -> Engine:
    """An engine with one connection, which one thread at a time uses."""
    arguments = {"check_same_thread": False}  # it is closed by another
    engine = create_engine(url, connect_args=arguments, pool_size=1, max_overflow=0)
    _prepare(engine, synchronous, begin)
    return engine


def _prepare(engine: Engine, synchronous: str, begin: str) -> None:
    @event.listens_for(engine, "connect")
    def prepare(raw: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401 - any driver's
        # The driver must not begin transactions by itself: it does so too late.
        raw.isolation_level = None
        cursor = raw.cursor()
        for pragma in (
            f"busy_timeout={_BUSY_MS}",
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _upgrade(url: str) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")
