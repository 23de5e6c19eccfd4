"""Looking many rows up at once, by one column or by a portal and one more."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, or_
from sqlalchemy.engine import Connection

from letterhead.store.prepared import Prepared

_SIZES = (1, 4, 16, 64)  # keys of one statement: each is made and compiled once

Pair = tuple[int, str]
Key = str | int | Pair


class _Lookup:
    """
    A query for the rows of some keys.

    Making a statement and compiling it takes longer than what it asks, so there are a few of
    them; the places that are left over repeat the last key.
    """

    def __init__(self, sized: Callable[[int], Select[Any]]) -> None:
        self._statements = {size: Prepared(sized(size)) for size in _SIZES}

    def rows(self, reading: Connection, keys: Collection[Key]) -> Iterator[Any]:
        """The rows of each key that has one."""
        ordered = sorted(keys)
        for start in range(0, len(ordered), _SIZES[-1]):
            some = ordered[start : start + _SIZES[-1]]
            size = next(each for each in _SIZES if each >= len(some))
            padded = [*some, *[some[-1]] * (size - len(some))]
            yield from self._statements[size].rows(reading, dict(_values(padded)))


class Among(_Lookup):
    """By one column."""

    def __init__(self, query: Select[Any], column: ColumnElement[Any]) -> None:
        super().__init__(lambda size: query.where(column.in_(_places("value", size))))


class Pairs(_Lookup):
    """By a portal and one column."""

    def __init__(
        self, query: Select[Any], portal_id: ColumnElement[int], column: ColumnElement[Any]
    ) -> None:
        super().__init__(lambda size: query.where(_one_of(portal_id, column, size)))


def _one_of(
    portal_id: ColumnElement[int], column: ColumnElement[Any], size: int
) -> ColumnElement[bool]:
    """SQLite looks at every row where it is asked for `(a, b) IN (VALUES ...)`."""
    pairs = zip(_places("portal", size), _places("value", size), strict=True)
    return or_(*((portal_id == portal) & (column == value) for portal, value in pairs))


def _places(name: str, size: int) -> Sequence[ColumnElement[Any]]:
    return [bindparam(f"{name}_{at}") for at in range(size)]


def _values(keys: Iterable[Key]) -> Iterator[tuple[str, Any]]:
    for at, key in enumerate(keys):
        portal, value = key if isinstance(key, tuple) else (None, key)
        if portal is not None:
            yield f"portal_{at}", portal
        yield f"value_{at}", value
