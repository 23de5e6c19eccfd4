"""Taking what is due on a lane, under a lease."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.engine import Connection

from letterhead.mail.address import Mailbox
from letterhead.mail.letter import Claim, LaneKey
from letterhead.mail.limits import Allowance
from letterhead.mail.message import OnUncertain
from letterhead.mail.outcome import Status
from letterhead.store import allowances, due
from letterhead.store.lookups import Among
from letterhead.store.prepared import Prepared
from letterhead.store.tables import message, recipient, suppression

AT_ONCE = 500  # rows that are taken in one transaction

QUEUED = due.queued(recipient)
SENDING = recipient.c.status == literal_column("'sending'")

_SUPPRESSED = (suppression.c.portal_id == recipient.c.portal_id) & (
    suppression.c.email == func.lower(recipient.c.email)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a worker wants of a lane now, under a lease with its end."""

    lane: LaneKey
    lease: tuple[str, datetime]
    limit: int
    under: Allowance | None  # what the connection allows; what is taken counts as sent
    now: datetime


def take(writing: Connection, wanted: Wanted) -> Sequence[Claim]:
    """Take what is due, oldest first; no more than the connection allows over all workers."""

    def some_of(count: int) -> Sequence[str]:
        return [row.id for row in _TAKE.rows(writing, _taking(wanted, count))]

    limit, now = wanted.limit, wanted.now
    taken = allowances.spend(writing, wanted.under, some_of, limit=limit, now=now)
    rows = sorted(_CLAIMS.rows(writing, taken), key=lambda row: (row.due, row.id))
    return [_claim(row, wanted) for row in rows]


def some(
    *conditions: ColumnElement[bool],
    order: Sequence[ColumnElement[Any]] = (),
    limit: int | ColumnElement[int] = AT_ONCE,
) -> Select[str]:
    """
    The ids of some recipients, without those that another transaction is busy with.

    A CTE, since PostgreSQL may run a subquery with a limit more than once.
    """
    query = select(recipient.c.id).where(*conditions).order_by(*order).limit(limit)
    some = query.with_for_update(skip_locked=True).cte("some")
    return select(some.c.id)


def _waits_on(portal_id: Any, lane: Any, now: Any) -> ColumnElement[bool]:  # noqa: ANN401 - values, or what stands for them
    columns = recipient.c
    return and_(
        QUEUED,
        columns.portal_id == portal_id,
        columns.lane == lane,
        columns.due <= now,
    )


# What is asked for each batch is made once: making a statement takes longer than running it.
_TAKE = Prepared(
    update(recipient)
    .where(
        recipient.c.id.in_(
            some(
                _waits_on(bindparam("_portal_id"), bindparam("_lane"), bindparam("_now")),
                order=(recipient.c.due, recipient.c.id),
                limit=bindparam("_limit", type_=Integer),
            )
        )
    )
    .values(
        status=Status.SENDING.value,
        lease=bindparam("_lease"),
        lease_until=bindparam("_until"),
        attempts=recipient.c.attempts + 1,
    )
    .returning(recipient.c.id)
)
_CLAIMS = Among(
    select(recipient.c.id, recipient.c.message_id, recipient.c.email, recipient.c.attempts)
    .add_columns(recipient.c.due)
    .add_columns(message.c.from_name, message.c.reply_to, message.c.header_id)
    .add_columns(message.c.on_uncertain, message.c.size, suppression.c.at.label("suppressed"))
    .join_from(recipient, message, recipient.c.message_id == message.c.id)
    .outerjoin(suppression, _SUPPRESSED),
    recipient.c.id,
)


def _taking(wanted: Wanted, count: int) -> Mapping[str, Any]:
    """The values of `_TAKE`."""
    lane, (token, until) = wanted.lane, wanted.lease
    whose = {"_portal_id": lane[0], "_lane": lane[1].value, "_now": wanted.now}
    return {**whose, "_limit": count, "_lease": token, "_until": until}


def _claim(row: Row[Any], wanted: Wanted) -> Claim:
    token, until = wanted.lease
    return Claim(
        id=row.id,
        lane=wanted.lane,
        message_id=row.message_id,
        email=row.email,
        suppressed=row.suppressed is not None,
        attempts=row.attempts,
        resend=row.on_uncertain == OnUncertain.RESEND.value,
        lease=token,
        lease_until=until,
        size=row.size,
        from_name=row.from_name,
        reply_to=tuple(Mailbox(*each) for each in row.reply_to),
        header_id=row.header_id,
    )
