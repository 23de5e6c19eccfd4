"""PostgreSQL: many transactions at a time; the first words of each make its promise."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import MappingProxyType
from typing import Any

from psycopg import AsyncConnection
from sqlalchemy import NullPool, create_engine, event, exc, make_url
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from letterhead.errors import Misconfigured, StorageFull, Unavailable
from letterhead.store.promises import CONNECTIONS, Promise

ONE_WRITER = False
MIGRATES_ITSELF = False
WRITERS = READERS = 4

_PATIENCE = 5  # seconds for a free connection

# What the operator does not say in the URL: a server that is silent is given up soon.
_DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "application_name": "letterhead",
        "connect_timeout": "5",
        "tcp_user_timeout": "10000",
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "3",
    }
)

# Said within the transaction, so that they hold whoever pools connections between us and it.
# A process that stands still in the midst of it would keep its locks: they go before those who
# wait for them give up.
_WRITE = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '10s'; "
    "SET LOCAL idle_in_transaction_session_timeout = '8s'; "
)
_BEGIN: Mapping[Promise, str] = MappingProxyType(
    {
        # Whatever is safer than `on` is the operator's choice; `off` would break the promise.
        Promise.ACCEPT: _WRITE
        + "SELECT set_config('synchronous_commit', 'on', true)"
        + " WHERE current_setting('synchronous_commit') = 'off'",
        Promise.SETTLE: _WRITE + "SET LOCAL synchronous_commit = off",
        Promise.READ: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    }
)

_FULL = "53100"
# A transaction that met another one: serialization, deadlock, or the same key at the same time.
_PASSING = {"40001", "40P01", "23505"}
# No connection, no resources, an operator steps in, a lock that takes long, a standby.
_CLASSES = ("08", "53", "57", "58", "40", "55P03", "25006")
_NO_TABLES = {"42P01", "42703"}


# An advisory lock of ours: any number that nobody else has.
_MIGRATING = 7_310_868_735


def engine(url: str, promise: Promise) -> Engine:
    """An engine for threads: each has a connection."""
    made = create_engine(dialect(url), connect_args=_arguments(url), **_pool())
    _begin(made, _BEGIN[promise])
    return made


def async_engine(url: str, promise: Promise) -> AsyncEngine:
    made = create_async_engine(dialect(url), connect_args=_arguments(url), **_pool())
    _begin(made.sync_engine, _BEGIN[promise])
    return made


def migration_engine(url: str) -> Engine:
    made = create_engine(dialect(url), connect_args=_arguments(url), poolclass=NullPool)
    _begin(made, f"BEGIN; SELECT pg_advisory_xact_lock({_MIGRATING})")
    return made


def finish_migration(connection: Connection) -> None:
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise Misconfigured(f"The database has the encoding {encoding}: make it with UTF8.")


@contextmanager
def alone(_url: str) -> Iterator[bool]:
    """Nobody needs to be: any number of processes share a database."""
    yield True


def segments(_url: str) -> None:
    """Workers on other machines must see every body."""
    return


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[tuple[AsyncConnection, AsyncConnection]]:
    """Two connections beside the pools, for as long as both last: to listen, and to ask."""
    arguments = _arguments(url)
    async with (
        await AsyncConnection.connect(url, **arguments) as one,
        await AsyncConnection.connect(url, **arguments) as other,
    ):
        await other.execute("SET synchronous_commit = off")  # what it changes are hints
        yield one, other


def dialect(url: str) -> URL:
    """The URL with the driver that we use."""
    return make_url(url).set(drivername="postgresql+psycopg")


def translated(error: SQLAlchemyError) -> Exception:
    state = _state(error)
    if state == _FULL:
        return StorageFull("The disk of the database is full.")
    if state in _NO_TABLES:
        return Unavailable("The tables of the database are not up to date: run letterhead migrate.")
    if isinstance(error, exc.TimeoutError) or _is_away(error) or (state or "").startswith(_CLASSES):
        return Unavailable("The database does not answer, or takes nothing at the moment.")
    return error


def may_pass(error: SQLAlchemyError) -> bool:
    """What met another transaction goes well, or finds the other's rows, when it is repeated."""
    return _state(error) in _PASSING


def _is_away(error: SQLAlchemyError) -> bool:
    """Whether the connection broke, or there never was one: then the driver knows no state."""
    if not isinstance(error, DBAPIError):
        return False
    lost = type(error).__name__ in {"OperationalError", "InterfaceError"}
    return error.connection_invalidated or (lost and _state(error) is None)


def _state(error: SQLAlchemyError) -> str | None:
    found: str | None = getattr(getattr(error, "orig", None), "sqlstate", None)
    return found


def _pool() -> dict[str, Any]:
    return {
        "pool_size": CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": _PATIENCE,
        "pool_pre_ping": True,  # a server that was restarted costs nobody an error
        "hide_parameters": True,
    }


def _arguments(url: str) -> dict[str, Any]:
    # The driver must not begin transactions by itself: ours begin with a promise.
    given = make_url(url).query
    return {**{key: _DEFAULTS[key] for key in _DEFAULTS if key not in given}, "autocommit": True}


def _begin(made: Engine, words: str) -> None:
    @event.listens_for(made, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(words)
