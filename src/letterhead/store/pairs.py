"""Looking rows up by a portal and one more column, many at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, or_
from sqlalchemy.engine import Connection

_SIZES = (1, 4, 16, 64)  # pairs of one statement: each is made and compiled once

Pair = tuple[int, str]


class Pairs:
    """
    A query for the rows of some pairs.

    Making a statement and compiling it takes longer than what it asks, so there are a few of
    them; the places that are left over repeat the last pair.
    """

    def __init__(
        self,
        query: Select[Any],
        portal_id: ColumnElement[int],
        column: ColumnElement[Any],
    ) -> None:
        self._statements = {
            size: query.where(_one_of(portal_id, column, size=size)) for size in _SIZES
        }

    def rows(self, reading: Connection, pairs: Collection[Pair]) -> Iterator[Row[Any]]:
        """The rows of each pair that has one."""
        ordered = sorted(pairs)
        for start in range(0, len(ordered), _SIZES[-1]):
            some = ordered[start : start + _SIZES[-1]]
            size = next(each for each in _SIZES if each >= len(some))
            yield from reading.execute(self._statements[size], _values(some, size))


def _one_of(
    portal_id: ColumnElement[int], column: ColumnElement[Any], *, size: int
) -> ColumnElement[bool]:
    """SQLite looks at every row where it is asked for `(a, b) IN (VALUES ...)`."""
    pairs = [
        (portal_id == bindparam(f"portal_{at}")) & (column == bindparam(f"value_{at}"))
        for at in range(size)
    ]
    return or_(*pairs)


def _values(some: Sequence[Pair], size: int) -> Mapping[str, Any]:
    padded = [*some, *[some[-1]] * (size - len(some))]
    return {
        name: value
        for at, (portal, text) in enumerate(padded)
        for name, value in ((f"portal_{at}", portal), (f"value_{at}", text))
    }
