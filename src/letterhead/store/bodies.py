"""The bytes of messages: in their rows, or in a segment where a row says so."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import URL, Row, bindparam, func, insert, select, update
from sqlalchemy.engine import Connection

from letterhead.mail.letter import Lane, Letter
from letterhead.store import segments
from letterhead.store.lookups import Among
from letterhead.store.prepared import Many
from letterhead.store.segments import Missing, Place
from letterhead.store.tables import body

log = structlog.get_logger(__name__)

LARGE = 32 * 1024  # octets; a smaller one costs less in its row than by a flush of its own

_AT_ONCE = 4  # that are brought home in one transaction: they are large

_INSERT = Many(insert(body))
_READ = Among(select(body), body.c.message_id)
_LEFT = select(func.coalesce(func.sum(body.c.octets), 0)).where(
    body.c.segment == bindparam("_segment")
)
_IN = select(body).where(body.c.segment == bindparam("_segment")).limit(_AT_ONCE)
_HOME = (
    update(body)
    .where(body.c.message_id == bindparam("_id"))
    .values(content=bindparam("_content"), segment=None, start=None, octets=None)
)
_NAMED = select(body.c.segment).where(body.c.segment.is_not(None)).distinct()


def folder_of(url: URL) -> Path:
    """Where the segments of a SQLite file are: beside it."""
    return Path(f"{url.database}-bodies")


def large(submitted: Iterable[Letter]) -> Mapping[str, bytes]:
    """
    Those bodies that are worth a place in a segment.

    What the platform itself says is never among them: it is to be gone from the disk as soon as
    everybody has it.
    """
    return {
        each.id: each.content
        for each in submitted
        if len(each.content) >= LARGE and each.lane is Lane.LIVE
    }


def add(writing: Connection, fresh: Sequence[Letter], places: Mapping[str, Place]) -> None:
    """Keep the bodies of new letters, or where they are."""
    _INSERT.run(writing, [_row(each, places.get(each.id)) for each in fresh])


def read(reading: Connection, message_ids: Collection[str]) -> Mapping[str, bytes]:
    """The bodies of messages that are still kept; a missing one is left out, and logged."""
    return _found(reading, _READ.rows(reading, message_ids))


def whole(reading: Connection, rows: Sequence[Row[Any]]) -> Sequence[tuple[Any, ...]]:
    """Rows of the table with each body in its row; Missing if one is not to be found."""
    return [(row.message_id, _content(reading, row), None, None, None) for row in rows]


def left(reading: Connection, segment: str) -> int:
    """How many octets of a segment are needed."""
    return int(reading.scalar(_LEFT, {"_segment": segment}) or 0)


def bring_home(writing: Connection, segment: str) -> int:
    """Move some bodies from a segment into their rows; says how many are done."""
    rows = writing.execute(_IN, {"_segment": segment}).all()
    found = _found(writing, rows)
    if found:
        writing.execute(_HOME, [{"_id": key, "_content": each} for key, each in found.items()])
    return len(found)


def named(reading: Connection) -> Sequence[str]:
    """The segments that rows name."""
    return reading.scalars(_NAMED).all()


def _row(letter: Letter, place: Place | None) -> dict[str, Any]:
    where = place._asdict() if place else {"segment": None, "start": None, "octets": None}
    return {"message_id": letter.id, "content": b"" if place else letter.content, **where}


def _found(reading: Connection, rows: Iterable[Row[Any]]) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for row in rows:
        try:
            found[row.message_id] = _content(reading, row)
        except Missing as error:
            log.error("a body is missing", message=row.message_id, reason=str(error))  # noqa: TRY400
    return found


def _content(reading: Connection, row: Row[Any]) -> bytes:
    if row.segment is None:
        content: bytes = row.content
        return content
    place = Place(row.segment, row.start, row.octets)
    return segments.read(folder_of(reading.engine.url), row.message_id, place)
