"""The engines and the transactions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from letterhead.errors import StorageFull, Unavailable

_BUSY_MS = 10_000  # how long SQLite waits for another process that writes
_READERS = 4


class Database:
    """
    One SQLite file, with an engine for each promise.

    `accept` is on disk when it returns (`synchronous=FULL`). `settle` survives the death of the
    process, but the last few milliseconds may go with a power cut (`NORMAL`): then a mail is
    sent twice, never lost.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._accepting = _engine(url, synchronous="FULL", begin="BEGIN IMMEDIATE", connections=1)
        self._settling = _engine(url, synchronous="NORMAL", begin="BEGIN IMMEDIATE", connections=1)
        self._reading = _engine(url, synchronous="NORMAL", begin="BEGIN", connections=_READERS)
        # SQLite has one writer at a time: waiting in line here is cheaper than trying there.
        self._turn = asyncio.Lock()

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

    async def migrate(self) -> None:
        """Bring the tables up to date; refuses tables of a newer version."""
        await asyncio.to_thread(_upgrade, self.url)

    async def close(self) -> None:
        for engine in (self._accepting, self._settling, self._reading):
            await engine.dispose()


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    try:
        async with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise _translated(error) from error


def _translated(error: DBAPIError) -> Exception:
    text = str(error.orig)
    if "full" in text:
        return StorageFull("The disk is full.")
    if any(sign in text for sign in ("locked", "busy", "disk I/O", "unable to open", "readonly")):
        return Unavailable("The database cannot be written to at the moment.")
    return error


def _engine(url: str, *, synchronous: str, begin: str, connections: int) -> AsyncEngine:
    engine = create_async_engine(
        url.replace("sqlite://", "sqlite+aiosqlite://", 1),
        pool_size=connections,
        max_overflow=0,
    )

    @event.listens_for(engine.sync_engine, "connect")
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

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _upgrade(url: str) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")
