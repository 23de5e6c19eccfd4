"""What time does to mail: a lease that ends, a clock that was ahead, a try that took too long."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, case, exists, insert, update
from sqlalchemy.engine import Connection

from letterhead.mail import faults
from letterhead.mail.event import EventKind
from letterhead.mail.letter import Lane
from letterhead.mail.outcome import Status
from letterhead.mail.portal import Ids
from letterhead.store import tally, webhooks
from letterhead.store.claims import QUEUED, SENDING, some
from letterhead.store.tables import connection, event, message, recipient

_AHEAD = timedelta(minutes=1)  # clocks of several machines may differ by less

# What `_note` needs of a row.
_NOTED = tuple(recipient.c[each] for each in ("id", "message_id", "portal_id", "lane"))


def free(writing: Connection, *, now: datetime, everything: bool) -> int:
    """Take away the leases that are over, or all; what had its final dot announced is uncertain."""
    over = SENDING if everything else SENDING & (recipient.c.lease_until <= now)
    unsure = recipient.c.dot_sent
    query = (
        update(recipient)
        .where(recipient.c.id.in_(some(over)))
        .values(
            status=case((unsure, Status.UNCERTAIN.value), else_=Status.QUEUED.value),
            lease=None,
            lease_until=None,
        )
        .returning(*_NOTED, unsure)
    )
    rows = writing.execute(query).all()
    left = [row for row in rows if row.dot_sent]
    _note(writing, left, EventKind.UNCERTAIN, fault="connection-lost", now=now)
    return len(rows)


def hasten(writing: Connection, *, now: datetime) -> int:
    """Make due what was accepted while the clock was ahead, unless it is wanted later."""
    columns = recipient.c
    ahead = [QUEUED, columns.id > Ids.floor(now + _AHEAD), columns.due > now]
    wanted_so = exists().where(message.c.id == columns.message_id, message.c.send_at.is_not(None))
    query = update(recipient).where(columns.id.in_(some(*ahead, ~wanted_so))).values(due=now)
    return len(writing.execute(query.returning(columns.id)).all())


def expire(writing: Connection, *, now: datetime) -> int:
    """Give up what is past its end and not held."""
    held = exists().where(connection.c.paused, connection.c.id.in_([0, recipient.c.portal_id]))
    query = (
        update(recipient)
        .where(recipient.c.id.in_(some(QUEUED, recipient.c.expires <= now, ~held)))
        .values(status=Status.FAILED.value, fault="expired", settled_at=now)
        .returning(*_NOTED)
    )
    rows = writing.execute(query).all()
    _note(writing, rows, EventKind.FAILED, fault="expired", now=now)
    live = [row for row in rows if row.lane == Lane.LIVE.value]
    tally.count(writing, [(row.portal_id, now, tally.FAILED) for row in live])
    return len(rows)


def _note(
    writing: Connection,
    rows: Sequence[Row[Any]],
    kind: EventKind,
    *,
    fault: str,
    now: datetime,
) -> None:
    if rows:
        shared = {"kind": kind.value, "at": now, "fault": faults.by_code(fault).code}
        writing.execute(
            insert(event),
            [{"message_id": row.message_id, "recipient_id": row.id, **shared} for row in rows],
        )
        told = [row for row in rows if row.lane != Lane.TEST.value]
        webhooks.note(writing, (webhooks.of_row(row, **shared) for row in told))
