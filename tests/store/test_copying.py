"""Moving from SQLite to PostgreSQL: every table there is, all of it or nothing."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Table, create_engine, func, insert, select
from sqlalchemy.types import JSON, Boolean, LargeBinary, String

from letterhead.errors import Conflict
from letterhead.store import copying, postgresql, sqlite
from letterhead.store.promises import Promise
from letterhead.store.tables import Moment, metadata
from tests.conftest import migrated
from tests.servers.postgresql import PostgreSQL
from tests.store.conftest import NOW

ROWS = 3
PLACE = {"segment", "start", "octets"}  # of a body that is not in its row
TABLES = [each.name for each in metadata.sorted_tables]


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A SQLite file with rows in every table that there is, whatever they mean."""
    url = f"sqlite:///{tmp_path / 'letterhead.db'}"
    asyncio.run(migrated(url))
    engine = sqlite.engine(url, Promise.ACCEPT)
    with engine.begin() as writing:
        for table in metadata.sorted_tables:
            columns = [each for each in table.c if each.name not in PLACE]
            rows = [{each.key: _value(each, at) for each in columns} for at in range(1, ROWS + 1)]
            writing.execute(insert(table), rows)
    engine.dispose()
    return url


def _value(column: Column[Any], at: int) -> object:
    """A value of a column in the row number `at`: the same where rows belong together."""
    fitting = (value for kind, value in _VALUES.items() if isinstance(column.type, kind))
    return next(fitting, int)(at)


_VALUES: Mapping[type, Callable[[int], object]] = {
    Moment: lambda at: NOW + timedelta(microseconds=at),
    Boolean: lambda at: at % 2 == 0,
    JSON: lambda at: {"\u00e4": [at, None, 0.1, "\u2713"]},
    LargeBinary: lambda at: bytes(range(256)) * at,
    String: lambda at: f"{at}\u00fc\u2713",
}


@pytest.fixture
def target(postgres: PostgreSQL) -> Iterator[str]:
    with postgres.database("migrated") as url:
        yield url


def nothing(_table: str, _done: int, _total: int) -> None:
    """Nobody looks."""


def counts(url: str) -> dict[str, int]:
    engine = create_engine(postgresql.dialect(url))
    with engine.begin() as reading:
        found = {each.name: _count(reading, each) for each in metadata.sorted_tables}
    engine.dispose()
    return found


def _count(reading: Any, table: Table) -> int:
    return reading.scalar(select(func.count()).select_from(table)) or 0


def test_every_table_is_copied_and_proven_by_its_digest(source: str, target: str) -> None:
    copied = copying.copy(source, target, nothing)

    assert [each.table for each in copied] == TABLES
    assert {each.rows for each in copied} == {ROWS}
    assert counts(target) == dict.fromkeys(TABLES, ROWS)


@pytest.mark.parametrize("table", [TABLES[0], TABLES[-1]])
def test_a_copy_that_is_cut_off_leaves_nothing_and_can_be_done_again(
    source: str, target: str, table: str
) -> None:
    def cut_off(name: str, done: int, _total: int) -> None:
        if name == table and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copying.copy(source, target, cut_off)
    left = counts(target)
    copying.copy(source, target, nothing)

    assert left == dict.fromkeys(TABLES, 0)
    assert counts(target) == dict.fromkeys(TABLES, ROWS)


def test_where_something_is_nothing_is_copied(source: str, target: str) -> None:
    engine = create_engine(postgresql.dialect(target))
    with engine.begin() as writing:
        table = metadata.tables["failed_sign_in"]
        writing.execute(insert(table), {each.key: _value(each, 1) for each in table.c})
    engine.dispose()

    with pytest.raises(Conflict, match="failed_sign_in"):
        copying.copy(source, target, nothing)

    assert counts(target) == {**dict.fromkeys(TABLES, 0), "failed_sign_in": 1}


def test_a_row_that_changed_on_the_way_is_noticed(
    source: str, target: str, postgres: PostgreSQL
) -> None:
    """A trigger plays the disk that writes something else than it was given."""
    name = target.rpartition("/")[2]
    postgres.run(
        "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.content := decode(''00'', ''hex''); RETURN NEW; END'",
        name,
    )
    postgres.run(
        "CREATE TRIGGER other BEFORE INSERT ON body FOR EACH ROW EXECUTE FUNCTION other()", name
    )

    with pytest.raises(Conflict, match="body is not the same"):
        copying.copy(source, target, nothing)

    assert counts(target) == dict.fromkeys(TABLES, 0)
