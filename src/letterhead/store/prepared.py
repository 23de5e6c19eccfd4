"""Statements that are run for every message: compiled once, without what is done each time else."""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Insert, Select, Update
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import ReturningUpdate

Values = Mapping[str, Any]
_Process = Callable[[Any], Any]


class Prepared:
    """
    A statement that gives rows, with values of the same names each time.

    On SQLite, where a row is found in microseconds, SQLAlchemy takes twenty times as long to bring
    the statement there and the row back; the driver is asked directly. PostgreSQL takes longer
    than either.
    """

    def __init__(self, statement: Select[Any] | ReturningUpdate[Any]) -> None:
        self._statement = statement
        self._ready: tuple[_Text, _Rows] | None = None

    def rows(self, connection: Connection, values: Values) -> Sequence[Any]:
        """What it finds: rows with the names of its columns."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, values).all()
        if self._ready is None:
            text = _compiled(self._statement, connection.dialect, values)
            self._ready = text, _rows(self._statement, connection.dialect)
        text, rows = self._ready
        with _cursor(connection) as cursor:
            cursor.execute(text.sql, text.values(values))
            return rows.made(cursor.fetchall())

    def first(self, connection: Connection, values: Values) -> Any:  # noqa: ANN401 - as SQLAlchemy has it
        """The first row; None if there is none."""
        return next(iter(self.rows(connection, values)), None)


class Many:
    """
    A statement that is run for many rows of one shape at once.

    `Connection.execute` asks its compiler about the values of every row, which takes longer than
    writing the row.
    """

    def __init__(self, statement: Insert | Update) -> None:
        self._statement = statement
        self._ready: dict[str, _Text] = {}

    def run(self, writing: Connection, rows: Sequence[Values]) -> int:
        """Run it for each of `rows`; gives how many rows of the table it changed."""
        name = writing.dialect.name
        if name not in self._ready:
            self._ready[name] = _compiled(self._statement, writing.dialect, rows[0])
        text = self._ready[name]
        values: Any = [text.values(each) for each in rows]
        if name != "sqlite":
            return writing.exec_driver_sql(text.sql, values).rowcount
        with _cursor(writing) as cursor:
            cursor.executemany(text.sql, values)
            changed: int = cursor.rowcount
        return changed


class _Text(NamedTuple):
    sql: str
    order: Sequence[str] | None  # in which the values stand; None where the driver takes names
    fixed: Values  # what the statement itself says
    ready: Sequence[tuple[str, _Process]]  # what the driver does not take as it is

    def values(self, given: Values) -> Sequence[Any] | Values:
        whole = {**self.fixed, **given}
        for name, process in self.ready:
            whole[name] = process(whole[name])
        return whole if self.order is None else tuple([whole[name] for name in self.order])


class _Rows(NamedTuple):
    kind: Any  # a named tuple
    processed: Sequence[tuple[int, _Process]]  # what the driver does not give as it is

    def made(self, raw: Iterable[Sequence[Any]]) -> Sequence[Any]:
        make = self.kind._make
        return [make(self._cells(each)) for each in raw] if self.processed else [*map(make, raw)]

    def _cells(self, row: Sequence[Any]) -> Sequence[Any]:
        cells = list(row)
        for at, process in self.processed:
            cells[at] = process(cells[at])
        return cells


def _compiled(statement: Any, dialect: Dialect, example: Values) -> _Text:  # noqa: ANN401 - any statement
    """A statement for a driver that is given values with these names."""
    names = list(example)
    made: Any = statement.compile(dialect=dialect, column_keys=names)
    fixed = {name: value for name, value in made.params.items() if name not in names}
    types = {name: made.binds[name].type.dialect_impl(dialect) for name in made.params}
    found = [(name, each.bind_processor(dialect)) for name, each in types.items()]
    return _Text(str(made), made.positiontup, fixed, [(name, each) for name, each in found if each])


def _rows(statement: Select[Any] | ReturningUpdate[Any], dialect: Dialect) -> _Rows:
    columns: Any = statement.exported_columns
    found = [each.type.dialect_impl(dialect).result_processor(dialect, None) for each in columns]
    kind = namedtuple("Row", columns.keys())  # type: ignore[misc]  # noqa: PYI024 - known only now
    return _Rows(kind, [(at, each) for at, each in enumerate(found) if each])


@contextmanager
def _cursor(connection: Connection) -> Iterator[Any]:
    """SQLite's own; what it raises looks as it does elsewhere."""
    cursor = connection.connection.cursor()
    try:
        yield cursor
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError(None, None, error) from error
    finally:
        cursor.close()
