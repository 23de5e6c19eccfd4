"""What `doctor` says of a PostgreSQL server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from letterhead.store import server
from letterhead.store.database import Database
from letterhead.store.server import Server
from tests.servers.postgresql import PostgreSQL

GOOD = Server(15, 97, flushes=True, commits="on", ahead=timedelta(milliseconds=20))


def test_a_server_as_it_comes_is_well() -> None:
    assert (server.faults(GOOD), server.warnings(GOOD)) == ([], [])
    assert GOOD.processes == 3


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (replace(GOOD, flushes=False), "fsync"),
        (replace(GOOD, version=12), "too old"),
        (replace(GOOD, ahead=timedelta(seconds=-5)), "5.0 seconds"),
    ],
)
def test_what_breaks_a_promise_is_a_fault(found: Server, says: str) -> None:
    [fault] = server.faults(found)

    assert says in fault
    assert server.warnings(found) == []


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (replace(GOOD, connections=20), "max_connections"),
        (replace(GOOD, commits="off"), "synchronous_commit"),
        (replace(GOOD, ahead=timedelta(seconds=1)), "1.0 seconds"),
    ],
)
def test_what_is_worth_a_look_is_a_warning(found: Server, says: str) -> None:
    [warning] = server.warnings(found)

    assert says in warning
    assert server.faults(found) == []


async def test_a_real_server_is_asked(postgres: PostgreSQL) -> None:
    database = Database(postgres.url("migrated"))
    found = await server.asked(database, lambda: datetime.now(UTC))  # noqa: TID251 - a real one's
    await database.close()

    assert found.version >= server.OLDEST
    assert not found.flushes  # the tests' server is a quick one
    assert abs(found.ahead) < timedelta(seconds=1)
