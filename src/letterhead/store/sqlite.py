"""SQLite: one file, one writer at a time, and a flush that is chosen for each connection."""

import fcntl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import NullPool, create_engine, event, make_url
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from letterhead.errors import StorageFull, Unavailable
from letterhead.store import bodies
from letterhead.store.promises import Promise
from letterhead.store.segments import Segments

ONE_WRITER = True
MIGRATES_ITSELF = True
WRITERS = READERS = 1

_BUSY_MS = 10_000  # how long SQLite waits for another process that writes
_CONNECTIONS = 4  # that read
_SIGNS = ("locked", "busy", "disk I/O", "unable to open", "readonly")

# SQLite refuses to change `synchronous` inside a transaction, so each promise has an engine.
_SYNCHRONOUS: Mapping[Promise, str] = MappingProxyType(
    {Promise.ACCEPT: "FULL", Promise.SETTLE: "NORMAL", Promise.READ: "NORMAL"}
)


def engine(url: str, promise: Promise) -> Engine:
    """An engine with one connection, which one thread at a time uses."""
    arguments = {"check_same_thread": False}  # it is closed by another
    made = create_engine(
        url, connect_args=arguments, pool_size=1, max_overflow=0, hide_parameters=True
    )
    _prepare(made, promise)
    return made


def async_engine(url: str, promise: Promise) -> AsyncEngine:
    made = create_async_engine(
        url.replace("sqlite://", "sqlite+aiosqlite://", 1),
        pool_size=_CONNECTIONS if promise is Promise.READ else 1,
        max_overflow=0,
        hide_parameters=True,
    )
    _prepare(made.sync_engine, promise)
    return made


def migration_engine(url: str) -> Engine:
    """With foreign keys off: rebuilding a parent table must not delete its children."""
    made = create_engine(url, poolclass=NullPool)
    _set_up(made, [f"busy_timeout={_BUSY_MS}", "foreign_keys=OFF"], "BEGIN IMMEDIATE")
    return made


def finish_migration(connection: Connection) -> None:
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise RuntimeError("A migration left rows that point nowhere.")


@contextmanager
def alone(url: str) -> Iterator[bool]:
    """Hold a lock beside the file; False if another process holds it."""
    file = Path(make_url(url).database or "").parent / "serve.lock"
    try:
        lock = file.open("w")
    except OSError as error:
        message = f"The database cannot be used: {file.parent} {error.strerror}."
        raise Unavailable(message) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def segments(url: str) -> Segments:
    """Its log takes each body twice; a file beside it takes it once."""
    return Segments(bodies.folder_of(make_url(url)))


def translated(error: SQLAlchemyError) -> Exception:
    text = str(getattr(error, "orig", ""))
    if "full" in text:
        return StorageFull("The disk is full.")
    if any(sign in text for sign in _SIGNS):
        return Unavailable("The database cannot be opened or written to at the moment.")
    return error


def may_pass(_error: SQLAlchemyError) -> bool:
    """Nobody else writes: what breaks breaks again."""
    return False


def _prepare(made: Engine, promise: Promise) -> None:
    pragmas = [
        f"busy_timeout={_BUSY_MS}",
        "journal_mode=WAL",
        f"synchronous={_SYNCHRONOUS[promise]}",
        "foreign_keys=ON",
    ]
    _set_up(made, pragmas, "BEGIN" if promise is Promise.READ else "BEGIN IMMEDIATE")


def _set_up(made: Engine, pragmas: Iterable[str], begin: str) -> None:
    @event.listens_for(made, "connect")
    def prepare(raw: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401 - any driver's
        # The driver must not begin transactions by itself: it does so too late.
        raw.isolation_level = None
        cursor = raw.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(made, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
