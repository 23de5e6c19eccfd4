"""Numbers that the database gives: each cell has a range of its own, so that portals can move."""

from sqlalchemy import BigInteger, Column, Table, func, select
from sqlalchemy.engine import Connection

from letterhead.store import revisions
from letterhead.store.database import kind_of
from letterhead.store.promises import Promise
from letterhead.store.tables import metadata

CELLS = 128
_SMALL, _LARGE = 24, 48  # bits of a number within its cell


def begin(url: str, cell: int) -> None:
    """
    Let every number that PostgreSQL gives from now on lie in the range of a cell.

    What is numbered already keeps its numbers. May be done again at any time.
    """
    made = kind_of(url).engine(url, Promise.ACCEPT)
    try:
        with revisions.explained(), made.begin() as writing:
            for table in metadata.sorted_tables:
                if (column := table.autoincrement_column) is not None:
                    _begin(writing, table, column, cell)
    finally:
        made.dispose()


def _begin(writing: Connection, table: Table, column: Column[int], cell: int) -> None:
    bits = _LARGE if isinstance(column.type, BigInteger) else _SMALL
    first, end = max(cell << bits, 1), cell + 1 << bits
    own = select(func.max(column)).where(column >= first, column < end).scalar_subquery()
    following = func.greatest(first, func.coalesce(own, 0) + 1)
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    writing.execute(select(func.setval(sequence, following, False)))  # noqa: FBT003 - SQL
