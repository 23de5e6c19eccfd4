"""Where mail is due: what a worker asks each second, however much waits, of however many."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
)
from sqlalchemy.engine import Connection

from letterhead.mail.faults import shows_at_sign_in
from letterhead.mail.letter import PLATFORM, Lane, LaneKey
from letterhead.store import allowances
from letterhead.store.allowances import Moment
from letterhead.store.prepared import Prepared
from letterhead.store.tables import connection, portal, recipient


def queued(mails: FromClause) -> ColumnElement[bool]:
    """What waits. Written out, not bound: only so the planner sees that partial indexes fit."""
    return mails.c.status == literal_column("'queued'")


def lanes(reading: Connection, now: datetime) -> Sequence[LaneKey]:
    """The lanes with due mail whose connection allows some, and paused ones to be looked at."""
    found = [(row.portal_id, _LANES[row.lane]) for row in _DUE.rows(reading, {"now": now})]
    paused = reading.execute(_paused(now))
    return found + [(row.id, Lane.LIVE) for row in paused if shows_at_sign_in(row.fault)]


def of_lanes(now: Moment) -> Select[Any]:
    """Where mail is due: portals and their lanes."""
    columns = _HEADS.c
    return (
        select(columns.portal_id, columns.lane)
        .join_from(_HEADS, portal, portal.c.id == columns.portal_id)
        .where(columns.due <= now, ~allowances.used_up(columns.lane, now))
        .order_by(columns.lane, columns.portal_id)
    )


def _paused(now: datetime) -> Select[int, str]:
    """The paused connections of portals that may be tried again."""
    columns = connection.c
    rests = columns.due > now
    return select(columns.id, columns.fault).where(columns.paused, ~rests, columns.id != PLATFORM)


def portals(lane: Lane, now: datetime) -> Select[int]:
    """
    The portals with due mail on a lane whose connection allows some; to be asked of a few.

    Each is asked for its oldest mail: PostgreSQL would answer an EXISTS by a look at all that
    waits.
    """
    columns = recipient.c
    mine = (queued(recipient), columns.portal_id == portal.c.id, columns.lane == lane.value)
    oldest = select(func.min(columns.due)).where(*mine).scalar_subquery()
    used_up = allowances.used_up(literal(lane.value), now)
    return select(portal.c.id).where(oldest <= now, ~used_up)


def _heads() -> CTE:
    """
    The oldest mail of each lane that has some in the queue, found one after the other.

    A look at all that waits would take longer the more it is, and a look at all portals would be
    for nothing where few of them have mail. Each row names the mail that heads the next lane.
    """
    columns, there, after = recipient.c, recipient.alias("there"), recipient.alias("after")
    told = [columns.portal_id, columns.lane, columns.due]
    nothing = [cast(null(), each.type).label(each.name) for each in told]
    first = _first_of(recipient).where(columns.portal_id > PLATFORM).scalar_subquery()
    heads = select(first.label("next"), *nothing).cte("heads", recursive=True)
    same, its = after.c.portal_id == there.c.portal_id, after.c.lane > there.c.lane
    # Not as pairs, (a, b) > (c, d): SQLite would go through all that the portal has.
    next_lane = _first_of(after).where(same, its).scalar_subquery()
    next_portal = _first_of(after).where(after.c.portal_id > there.c.portal_id).scalar_subquery()
    further = func.coalesce(next_lane, next_portal)
    found = select(further, *(there.c[each.name] for each in told))
    return heads.union_all(found.join_from(heads, there, there.c.id == heads.c.next))


def _first_of(mails: FromClause) -> Select[str]:
    """The first mail in the order of the index of what waits."""
    columns = mails.c
    order = (columns.portal_id, columns.lane, columns.due, columns.id)
    return select(columns.id).where(queued(mails)).order_by(*order).limit(1)


_HEADS = _heads()
_DUE = Prepared(of_lanes(bindparam("now")))
_LANES = {each.value: each for each in Lane}
