"""What a connection allows at the moment: one row each, which all workers share."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Row, case, false, func, select, update
from sqlalchemy.engine import Connection

from letterhead.mail.letter import PLATFORM, Lane
from letterhead.mail.limits import Allowance
from letterhead.store.dialect import insert_new
from letterhead.store.tables import allowance, portal

Moment = datetime | ColumnElement[datetime]
Take = Callable[[int], Sequence[str]]


def spend(
    writing: Connection, under: Allowance | None, take: Take, *, limit: int, now: datetime
) -> Sequence[str]:
    """
    Let `take` have up to `limit` of what the connection allows now; what it took is used up.

    The row is locked meanwhile: whoever asks first gets all, and nobody gets it twice.
    """
    if under is None or not under.limits.paced:
        return take(limit)
    row, paces = locked(writing, under, now), under.limits.paces
    used = (row.short, row.long)
    spare = [pace.spare(at, now) for pace, at in zip(paces, used, strict=True) if pace]
    count = min([limit, *spare])
    taken = take(count) if count else []
    after = [
        pace.after(len(taken), at, now) if pace else None
        for pace, at in zip(paces, used, strict=True)
    ]
    due = [pace.free(at) for pace, at in zip(paces, after, strict=True) if pace and at]
    writing.execute(
        update(allowance)
        .where(allowance.c.id == under.connection_id)
        .values(version=under.version, short=after[0], long=after[1], due=max(due))
    )
    return taken


def used_up(lane: ColumnElement[str], now: Moment) -> ColumnElement[bool]:
    """Whether the connection that a portal's lane has of its own allows nothing at the moment."""
    columns, system = allowance.c, lane == Lane.SYSTEM.value
    whose = columns.id == case((system, PLATFORM), else_=portal.c.id)
    counts = system | (columns.version == portal.c.live_version)
    due = select(columns.due).where(whose, counts).scalar_subquery()
    return func.coalesce(due > now, false())


def locked(writing: Connection, under: Allowance, now: datetime) -> Row[tuple[object, ...]]:
    """The row of a connection, which nobody else has until the transaction ends."""
    new = {"id": under.connection_id, "version": under.version, "due": now}
    writing.execute(insert_new(writing.dialect, allowance), new)
    query = select(allowance).where(allowance.c.id == under.connection_id).with_for_update()
    return writing.execute(query).one()
