"""Statements that are run for many rows at once, again and again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Insert, Update
from sqlalchemy.engine import Connection, Dialect

Row = Mapping[str, Any]


class Many:
    """
    A statement that is compiled once for each kind of database; its rows are of one shape.

    `Connection.execute` asks its compiler about the values of every row, which takes longer than
    writing the row.
    """

    def __init__(self, statement: Insert | Update) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, writing: Connection, rows: Sequence[Row]) -> int:
        """Run it for each of `rows`; gives how many rows of the table it changed."""
        name = writing.dialect.name
        if name not in self._compiled:
            self._compiled[name] = _compiled(self._statement, writing.dialect, list(rows[0]))
        compiled = self._compiled[name]
        values: Any = [compiled.values(each) for each in rows]
        return writing.exec_driver_sql(compiled.text, values).rowcount


class _Compiled(NamedTuple):
    text: str
    order: Sequence[str] | None  # in which the values stand; None where the driver takes names
    fixed: Row  # what the statement itself says
    ready: Sequence[tuple[str, Callable[[Any], Any]]]  # what the driver does not take as it is

    def values(self, row: Row) -> Sequence[Any] | Row:
        whole = {**self.fixed, **row}
        for name, process in self.ready:
            whole[name] = process(whole[name])
        return whole if self.order is None else tuple([whole[name] for name in self.order])


def _compiled(statement: Insert | Update, dialect: Dialect, names: list[str]) -> _Compiled:
    made: Any = statement.compile(dialect=dialect, column_keys=names)
    fixed = {name: value for name, value in made.params.items() if name not in names}
    types = {name: made.binds[name].type.dialect_impl(dialect) for name in made.params}
    found = [(name, each.bind_processor(dialect)) for name, each in types.items()]
    ready = [(name, process) for name, process in found if process]
    return _Compiled(str(made), made.positiontup, fixed, ready)
