"""Moving an installation from SQLite to PostgreSQL: all of it or nothing, and checked."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.engine import Connection, make_url

from letterhead.errors import Conflict, Misconfigured
from letterhead.store import bodies, revisions
from letterhead.store.database import kind_of
from letterhead.store.promises import Promise
from letterhead.store.tables import body, metadata

_AT_ONCE = 500  # rows

Progress = Callable[[str, int, int], None]  # a table, how many of its rows are there, of how many


@dataclass(frozen=True, slots=True)
class Copied:
    """A table that was copied; the digest is the same on both sides."""

    table: str
    rows: int
    digest: str


@dataclass(slots=True)
class Sum:
    """How many rows there are, and a digest of them in whatever order they come."""

    rows: int = 0
    total: int = 0

    def add(self, rows: Iterable[Iterable[Any]]) -> None:
        for row in rows:
            self.rows += 1
            self.total = (self.total + _row_digest(row)) % (1 << 256)

    @property
    def digest(self) -> str:
        return f"{self.total:064x}"


def copy(source: str, target: str, progress: Progress) -> Sequence[Copied]:
    """
    Copy every row from a SQLite file into an empty PostgreSQL database.

    Misconfigured if one of them is not of that kind, or not of this version; Conflict if the
    source is being served, or there is something in the target.
    """
    _demand_file(source)
    if not target.startswith("postgresql"):
        raise Misconfigured("LETTERHEAD_DATABASE_URL: name the PostgreSQL database to copy into.")
    with kind_of(source).alone(source) as still, revisions.explained():
        if not still:  # what it accepts meanwhile would be left behind
            raise Conflict("A service works with the SQLite file: stop it first.")
        revisions.demand_newest(kind_of(source), source)
        revisions.upgrade(kind_of(target), target)
        with _connected(source, target) as (reading, writing):
            _demand_empty(writing)
            return [_table(reading, writing, each, progress) for each in metadata.sorted_tables]


def _demand_file(source: str) -> None:
    name = make_url(source).database if source.startswith("sqlite:///") else None
    if not name or not Path(name).is_file():
        raise Misconfigured(f"--copy-from: there is no SQLite file {source!r} (sqlite:///PATH).")


@contextmanager
def _connected(source: str, target: str) -> Iterator[tuple[Connection, Connection]]:
    old = kind_of(source).engine(source, Promise.READ)
    new = kind_of(target).engine(target, Promise.ACCEPT)
    try:
        with old.begin() as reading, new.begin() as writing:
            yield reading, writing
    finally:
        old.dispose()
        new.dispose()


def _demand_empty(writing: Connection) -> None:
    for table in metadata.sorted_tables:
        if writing.scalar(select(table).limit(1)) is not None:
            raise Conflict(f"There are rows in the table {table.name} already: nothing was copied.")


def _table(reading: Connection, writing: Connection, table: Table, progress: Progress) -> Copied:
    total, done, keys = _count(reading, table), 0, table.columns.keys()
    progress(table.name, done, total)
    for part in _parts(reading, table):
        writing.execute(insert(table), [dict(zip(keys, each, strict=True)) for each in part])
        done += len(part)
        progress(table.name, done, total)
    _continue_counting(writing, table)
    before, after = _sum(reading, table), _sum(writing, table)
    if before != after or total != after.rows:
        raise Conflict(f"The table {table.name} is not the same after copying: nothing was kept.")
    return Copied(table.name, done, after.digest)


def _parts(connection: Connection, table: Table) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows of a table, some at a time; bodies are whole, wherever they are kept."""
    for part in connection.execute(select(table)).partitions(_AT_ONCE):
        yield bodies.whole(connection, part) if table is body else part


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _continue_counting(writing: Connection, table: Table) -> None:
    """Let numbers that the database gives go on behind those that are there."""
    column = table.autoincrement_column
    if column is None:
        return
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    highest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
    writing.execute(select(func.setval(sequence, highest, text("false"))))


def _sum(connection: Connection, table: Table) -> Sum:
    found = Sum()
    for part in _parts(connection, table):
        found.add(part)
    return found


def _row_digest(row: Iterable[Any]) -> int:
    raw = json.dumps(list(row), sort_keys=True, default=_plain)
    return int.from_bytes(hashlib.sha256(raw.encode()).digest())


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes | memoryview) else str(value)
