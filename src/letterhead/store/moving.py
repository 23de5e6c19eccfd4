"""Moving a portal to another cell: all that is its own in one transaction, compared, then shut."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, insert, or_, select, update
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from letterhead.errors import Conflict, Misconfigured, Moved, NotFound, Unavailable
from letterhead.mail.outcome import Status
from letterhead.store import revisions
from letterhead.store.claims import SENDING
from letterhead.store.copying import Copied, Progress, Sum
from letterhead.store.database import kind_of
from letterhead.store.leaving import GRACE, remove_portal, remove_some
from letterhead.store.promises import Promise
from letterhead.store.tables import gone_portal, message, metadata, portal, recipient

# Sessions and links of this cell: they are ended. People sign in anew, and links are made anew.
LEFT_BEHIND = frozenset({"session", "ticket"})
_BY_ID = frozenset({"portal", "connection", "allowance"})  # their id is the portal's

# What is otherwise there: an account is of a cell, so that its owner accepts a role there anew.
_CHANGED: Mapping[str, Mapping[str, object]] = MappingProxyType({"person": {"accepted_at": None}})

_AT_ONCE = 500  # rows
_BODIES_AT_ONCE = 20  # they may be large
_PATIENCE = 60.0  # seconds for what is on the wire: leases are shorter
_LOOK = 0.1  # seconds
_WAITING = [Status.QUEUED.value, Status.HELD.value, Status.SENDING.value]

# Only this portal waits for the locks, and the other database may be slow.
_NO_HURRY = "SET LOCAL idle_in_transaction_session_timeout = 0"


class InDoubt(Unavailable):
    """Nobody knows whether the other cell has kept the portal; here it stays shut."""


def move(
    source: str, target: str, slug: str, *, now: datetime, progress: Progress
) -> Sequence[Copied]:
    """
    Move a portal from one PostgreSQL database to another; both belong to cells of one key ring.

    From its first moment on nothing is accepted or sent for the portal, until it goes on there; so
    no mail is lost, and none goes twice. Who dies amidst it does it again, and it goes on where it
    must. What fails before the copy was proven leaves everything as it was.

    NotFound if there is no such portal, Moved if it has gone already; Conflict if its numbers are
    taken there, mail stays on the wire, or a table is not the same after copying.
    """
    with _engines(source, target) as (here, there), revisions.explained():
        _clear(here, there, slug, now)
        portal_id = _shut(here, slug, now)
        try:
            with here.connect() as old, there.connect() as new:
                row = _locked(old, portal_id)
                copied = () if _is_there(new, row) else _copied(old, new, row, progress)
                _commit(new)
                _leave(old, row, target, now)
                old.commit()
        except InDoubt:
            raise
        except BaseException:
            _open_again(here, there, portal_id)
            raise
    return copied


def demand_cells(*urls: str) -> None:
    """Misconfigured, if one of the databases cannot be that of a cell."""
    if not all(each.startswith("postgresql://") for each in urls):
        raise Misconfigured("A cell is a PostgreSQL database: name one (postgresql://…).")


def mine(table: Table, portal_id: int) -> ColumnElement[bool] | None:
    """Which rows of a table move with a portal; None if none do."""
    if table.name in LEFT_BEHIND:
        return None
    if table.name in _BY_ID:
        return table.c.id == portal_id
    if "portal_id" in table.c:
        return table.c.portal_id == portal_id
    if "message_id" in table.c:
        ids = select(message.c.id).where(message.c.portal_id == portal_id)
        return table.c.message_id.in_(ids)
    return None


@contextmanager
def _engines(source: str, target: str) -> Iterator[tuple[Engine, Engine]]:
    for url in (source, target):
        revisions.demand_newest(kind_of(url), url)
    here, there = (kind_of(url).engine(url, Promise.ACCEPT) for url in (source, target))
    try:
        yield here, there
    finally:
        here.dispose()
        there.dispose()


def _clear(here: Engine, there: Engine, slug: str, now: datetime) -> None:
    """Remove the messages that the portal left there last time, while it still goes on here."""
    with here.connect() as reading:
        portal_id = reading.scalar(select(portal.c.id).where(portal.c.slug == slug))
    left = (
        (portal.c.id == portal_id)
        & portal.c.closed_at.is_not(None)
        & portal.c.moving_at.is_not(None)
    )
    removed = 1
    while removed:
        with there.begin() as writing:
            found = writing.scalar(select(portal.c.id).where(left))
            removed = remove_some(writing, found, now - GRACE) if found else 0


def _shut(here: Engine, slug: str, now: datetime) -> int:
    """Let nothing in or out any more; what was begun before goes on under its own time."""
    with here.begin() as writing:
        row = writing.execute(select(portal).where(portal.c.slug == slug)).first()
        if row is None or (row.closed_at and row.moving_at is None):
            raise NotFound("There is no such portal.")
        still = (portal.c.id == row.id) & portal.c.moving_at.is_(None)
        writing.execute(update(portal).where(still).values(moving_at=now))
    return int(row.id)


def _locked(old: Connection, portal_id: int) -> Row[Any]:
    """
    The portal, locked together with what waits, when nothing of it is on the wire any more.

    Whoever accepts for it holds its row until the end; whoever claims skips what is locked.
    """
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        row = _own(old, portal_id)
        on_the_wire = select(recipient.c.id).where(recipient.c.portal_id == portal_id, SENDING)
        if old.execute(on_the_wire.limit(1)).first() is None and not _lock_waiting(old, portal_id):
            return row
        old.rollback()
        time.sleep(_LOOK)
    raise Conflict("Mail of the portal is still on the wire: nothing was moved.")


def _own(old: Connection, portal_id: int) -> Row[Any]:
    """The row of a portal that is shut, locked; another one may have moved it, or given up."""
    old.exec_driver_sql(_NO_HURRY)
    row = old.execute(select(portal).where(portal.c.id == portal_id).with_for_update()).one()
    if row.closed_at:
        raise Moved
    if row.moving_at is None:
        raise Conflict("Somebody else has given up to move the portal: try again.")
    return row


def _lock_waiting(old: Connection, portal_id: int) -> bool:
    """Lock what waits; says whether something of it was claimed meanwhile."""
    query = (
        select(recipient.c.status)
        .where(_waits(portal_id))
        .order_by(recipient.c.id)
        .with_for_update()
    )
    parts = old.execute(query.execution_options(yield_per=_AT_ONCE)).scalars().partitions()
    return sum(part.count(Status.SENDING.value) for part in parts) > 0


def _waits(portal_id: int) -> ColumnElement[bool]:
    return (recipient.c.portal_id == portal_id) & recipient.c.status.in_(_WAITING)


def _is_there(new: Connection, row: Row[Any]) -> bool:
    """Whether this very move has brought the portal there, before somebody died."""
    same = (portal.c.id == row.id) & (portal.c.came_at == row.moving_at)
    return new.execute(select(portal.c.id).where(same)).first() is not None


def _copied(
    old: Connection, new: Connection, row: Row[Any], progress: Progress
) -> Sequence[Copied]:
    new.exec_driver_sql(_NO_HURRY)
    _make_room(new, row)
    changed = {**_CHANGED, "portal": {"moving_at": None, "came_at": row.moving_at}}
    copied: list[Copied] = []
    try:
        for table in metadata.sorted_tables:
            if (which := mine(table, row.id)) is not None:
                rows = _rows(old, table, which, changed.get(table.name, {}))
                copied.append(_table(new, table, which, rows))
                progress(table.name, copied[-1].rows, copied[-1].rows)
    except IntegrityError as error:
        raise Conflict(
            "Numbers of the portal are taken there: cells need ranges of their own"
            " (letterhead migrate --cell). Nothing was moved."
        ) from error
    return copied


def _make_room(new: Connection, row: Row[Any]) -> None:
    """Remove what is left of the portal from when it was there last; refuse any other."""
    _demand_first_time(new, row)
    taken = or_(portal.c.id == row.id, portal.c.slug == row.slug)
    for found in new.execute(select(portal).where(taken)).all():
        if found.id != row.id or not (found.closed_at and found.moving_at):
            raise Conflict(f"There is a portal {row.slug}, or number {row.id}, in that cell.")
        remove_portal(new, row.id)


def _demand_first_time(new: Connection, row: Row[Any]) -> None:
    """Refuse to bring again what came there by this move once, and has moved on since."""
    columns = gone_portal.c
    same = (columns.slug == row.slug) & (columns.created_at == row.created_at)
    since = select(columns.id).where(same, columns.closed_at > row.moving_at)
    if new.execute(since.limit(1)).first():
        raise InDoubt("The portal was brought to that cell, and left it since: it stays shut here.")


def _rows(
    old: Connection, table: Table, which: ColumnElement[bool], changed: Mapping[str, object]
) -> Iterator[Sequence[dict[str, Any]]]:
    """The rows of a table as they are to be, some at a time."""
    size = _BODIES_AT_ONCE if table.name == "body" else _AT_ONCE
    query = select(table).where(which).execution_options(yield_per=size)
    for part in old.execute(query).partitions():
        keys = table.columns.keys()
        yield [{**dict(zip(keys, each, strict=True)), **changed} for each in part]


def _table(
    new: Connection,
    table: Table,
    which: ColumnElement[bool],
    parts: Iterator[Sequence[dict[str, Any]]],
) -> Copied:
    before = Sum()
    for rows in parts:
        new.execute(insert(table), rows)
        before.add(each.values() for each in rows)
    after = Sum()
    for found in _rows(new, table, which, {}):
        after.add(each.values() for each in found)
    if before != after:
        raise Conflict(f"The table {table.name} is not the same after copying: nothing was moved.")
    return Copied(table.name, after.rows, after.digest)


def _commit(new: Connection) -> None:
    try:
        new.commit()
    except SQLAlchemyError as error:
        raise InDoubt(
            "The other cell did not say whether it has the portal: move it again."
        ) from error


def _leave(old: Connection, row: Row[Any], target: str, now: datetime) -> None:
    """Shut the portal for good; what it has here is removed as that of a deleted one."""
    old.execute(update(portal).where(portal.c.id == row.id).values(closed_at=now))
    # A worker that stood still since before the move must find nothing to claim.
    gone = update(recipient).where(_waits(row.id)).values(status=Status.CANCELLED.value)
    old.execute(gone)
    for name in (*LEFT_BEHIND, "webhook_call", "webhook"):
        table = metadata.tables[name]
        old.execute(delete(table).where(table.c.portal_id == row.id))
    url = make_url(target)
    values = {"slug": row.slug, "name": row.name, "created_at": row.created_at, "closed_at": now}
    who = f"moved to {url.database} on {url.host}"
    old.execute(insert(gone_portal).values(**values, who=who, waiting=0))


def _open_again(here: Engine, there: Engine, portal_id: int) -> None:
    """Let the portal go on here, unless it is there: so nothing has happened."""
    with here.begin() as writing, there.begin() as reading:
        row = writing.execute(
            select(portal).where(portal.c.id == portal_id).with_for_update()
        ).one()
        if row.closed_at is None and not _is_there(reading, row):
            again = update(portal).where(portal.c.id == portal_id).values(moving_at=None)
            writing.execute(again)
