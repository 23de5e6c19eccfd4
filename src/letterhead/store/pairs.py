"""Looking rows up by two columns at once."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, false, or_


def among(
    portal_id: ColumnElement[int], column: ColumnElement[Any], pairs: Iterable[tuple[int, str]]
) -> ColumnElement[bool]:
    """
    Whether a portal and another column are one of `pairs`.

    SQLite looks at every row where it is asked for `(a, b) IN (VALUES ...)`.
    """
    wanted: dict[int, set[str]] = {}
    for portal, value in pairs:
        wanted.setdefault(portal, set()).add(value)
    found = [(portal_id == portal) & column.in_(values) for portal, values in wanted.items()]
    return or_(false(), *found)
