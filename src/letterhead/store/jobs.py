"""The queue of lanes that workers share: PgQueuer's tables, on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from pgqueuer.adapters.drivers.psycopg import SyncPsycopgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import SyncQueries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from sqlalchemy import text
from sqlalchemy.engine import Connection

from letterhead.mail.letter import URGENT, Lane, LaneKey
from letterhead.store.database import Database

LANE = "lane"  # what a job is, in PgQueuer's words its entrypoint
PREFIX = "letterhead_"  # of its tables: others may use PgQueuer in the same database

# A job is a hint, and the sweep is the guarantee: its tables need not survive a crash.
SETTINGS = DBSettings(
    prefix=PREFIX, channel=Channel(f"{PREFIX}lanes"), durability=Durability.volatile
)
_AT_ONCE = 1000


class Jobs:
    """Queues lanes; fits `delivery.pgqueuer.Jobs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queue(self, lanes: Sequence[LaneKey]) -> None:
        """Queue lanes; one that is queued or worked on stays as it is."""
        for start in range(0, len(lanes), _AT_ONCE):
            part = lanes[start : start + _AT_ONCE]
            await self._database.settling(partial(_queue, lanes=part))

    async def forget(self, before: datetime) -> int:
        """Forget what PgQueuer noted of jobs that are done; says how much it was."""
        return await self._database.settling(partial(_forget, before=before))


def install(connection: Connection) -> None:
    """Make the tables, within the transaction of a migration; SQLite needs none."""
    _run(connection, QueryBuilderEnvironment(SETTINGS).build_install_query())


def uninstall(connection: Connection) -> None:
    _run(connection, QueryBuilderEnvironment(SETTINGS).build_uninstall_query())


def name_of(lane: LaneKey) -> str:
    """How a lane is called in a job; two jobs of one name are never there at once."""
    return f"{lane[0]}:{lane[1].value}"


def lane_of(payload: bytes | None) -> LaneKey:
    """The lane that a job names."""
    portal_id, _, kind = (payload or b"").decode("ascii").partition(":")
    return int(portal_id), Lane(kind)


def _run(connection: Connection, statements: str) -> None:
    if connection.dialect.name == "postgresql":
        _driver(connection).execute(statements)


def _queue(writing: Connection, lanes: Sequence[LaneKey]) -> None:
    names = [name_of(each) for each in lanes]
    queries = SyncQueries(
        SyncPsycopgDriver(_driver(writing)), qbq=QueryQueueBuilder(settings=SETTINGS)
    )
    queries.enqueue(
        [LANE] * len(names),
        [each.encode() for each in names],
        [int(each[1] in URGENT) for each in lanes],
        dedupe_key=list(names),
        on_conflict="skip",
    )


def _forget(writing: Connection, before: datetime) -> int:
    table = SETTINGS.queue_table_log
    old = text(f"DELETE FROM {table} WHERE created < :before")  # noqa: S608 - our own name
    return writing.execute(old, {"before": before}).rowcount


def _driver(connection: Connection) -> Any:  # noqa: ANN401 - psycopg's connection
    return connection.connection.driver_connection
