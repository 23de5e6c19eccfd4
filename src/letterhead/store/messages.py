"""A portal's messages: found, looked at, cancelled, sent again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    case,
    exists,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.event import EventKind
from letterhead.mail.letter import Lane
from letterhead.mail.message import MessageClass
from letterhead.mail.outcome import TAKEN, Status
from letterhead.mail.portal import Ids
from letterhead.mail.retry import PATIENCE
from letterhead.store import bodies, webhooks
from letterhead.store.tables import event, message, recipient
from letterhead.store.tally import SENT, TallyRows

_RARE = ("failed", "uncertain", "cancelled", "suppressed", "bounced", "complained")
# Said as the index of the rare ones says it: SQLite compares the words.
_IS_RARE = recipient.c.status.in_([literal_column(f"'{each}'") for each in _RARE])
_TAKEN = [each.value for each in TAKEN]
# What was reported later stands in events of its own; the row still says that it was sent.
_TAKEN_AS = case(
    (recipient.c.status == Status.CAPTURED.value, Status.CAPTURED.value), else_=Status.SENT.value
)
_FEW = 2_000  # messages that are looked up by their ids
_AHEAD = timedelta(hours=2)  # how far ids are ahead at most: of a clock that was put back
_MANY = (Status.SENT.value, Status.CAPTURED.value, Status.DELIVERED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for in the log: each condition that is given must hold."""

    status: Status | None = None
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before_id: str | None = None
    after_id: str | None = None  # those next to it, the newest first all the same
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A message of the log, and its recipients."""

    message: Row[Any]
    recipients: Sequence[Row[Any]]


class MessageRows:
    """The messages of one portal."""

    def __init__(self, connection: AsyncConnection, portal_id: int) -> None:
        self._connection = connection
        self._portal_id = portal_id

    async def find(self, search: Search, *, held: bool) -> Sequence[Found]:
        """The newest messages first; `held` says whether what is queued is held."""
        conditions = _conditions(search)
        if search.status:
            conditions.append(await self._with_status(search, search.status, held=held))
        query = (
            select(message)
            .where(self._mine(), *conditions)
            .order_by(message.c.id if search.after_id else message.c.id.desc())
            .limit(search.limit)
        )
        rows = (await self._connection.execute(query)).all()
        rows = rows[::-1] if search.after_id else rows
        recipients = await self._recipients([row.id for row in rows])
        return [Found(row, recipients[row.id]) for row in rows]

    async def get(self, message_id: str) -> Found | None:
        query = select(message).where(self._mine(), message.c.id == message_id)
        row = (await self._connection.execute(query)).first()
        return Found(row, (await self._recipients([row.id]))[row.id]) if row else None

    async def events(self, message_id: str) -> Sequence[Row[Any]]:
        """
        What happened to a message, oldest first.

        That a recipient was sent stands in its own row, and is no row of the table of events:
        for most mail nothing else ever happens.
        """
        kept = select(
            event.c.recipient_id,
            recipient.c.email,
            *(event.c.kind, event.c.at, event.c.reply, event.c.fault, event.c.until),
        ).join_from(event, recipient, event.c.recipient_id == recipient.c.id)
        sent = select(
            recipient.c.id.label("recipient_id"),
            recipient.c.email,
            _TAKEN_AS.label("kind"),
            recipient.c.settled_at.label("at"),
            *(recipient.c.reply, null().label("fault"), null().label("until")),
        ).where(recipient.c.status.in_(_TAKEN), recipient.c.reply.is_not(None))
        mine = (recipient.c.message_id == message_id, recipient.c.portal_id == self._portal_id)
        rows = [
            *await self._connection.execute(kept.where(*mine).order_by(event.c.id)),
            *await self._connection.execute(sent.where(*mine).order_by(recipient.c.id)),
        ]
        return sorted(rows, key=lambda row: row.at)

    async def content(self, message_id: str) -> bytes | None:
        query = select(message.c.id).where(self._mine(), message.c.id == message_id)
        mine = list(await self._connection.scalars(query))
        return (await self._connection.run_sync(bodies.read, mine)).get(message_id)

    async def cancel(self, message_id: str, now: datetime) -> int:
        """Cancel every recipient that is not being sent yet; says how many there were."""
        waiting = recipient.c.status.in_([Status.QUEUED.value, Status.HELD.value])
        return await self._settle(message_id, waiting, Status.CANCELLED, now)

    async def resolve(
        self, message_id: str, recipient_id: str, status: Status, now: datetime
    ) -> int:
        """Say of an uncertain recipient that it was sent, or let it be sent again."""
        one = (recipient.c.id == recipient_id) & (recipient.c.status == Status.UNCERTAIN.value)
        return await self._settle(message_id, one, status, now)

    async def _settle(
        self, message_id: str, which: ColumnElement[bool], status: Status, now: datetime
    ) -> int:
        mine = (recipient.c.portal_id == self._portal_id) & (recipient.c.message_id == message_id)
        query = (
            update(recipient)
            .where(mine, which)
            .values(status=status.value, dot_sent=False, held_at=None, **_times(status, now))
            .returning(recipient.c.id, recipient.c.message_id, recipient.c.portal_id)
        )
        changed = (await self._connection.execute(query)).all()
        kind = EventKind.CANCELLED if status is Status.CANCELLED else EventKind.RESOLVED
        shared: dict[str, Any] = {"kind": kind.value, "at": now}
        if changed:
            rows = [{"message_id": message_id, "recipient_id": each.id} for each in changed]
            await self._connection.execute(insert(event), [{**each, **shared} for each in rows])
            told = [webhooks.of_row(each, **shared) for each in changed]
            await self._connection.run_sync(webhooks.note, told)
        if status is Status.SENT:
            counts = TallyRows(self._connection, self._portal_id)
            await counts.note([(now, SENT)] * len(changed))
        return len(changed)

    async def _with_status(
        self, search: Search, status: Status, *, held: bool
    ) -> ColumnElement[bool]:
        """
        Those with a recipient in a status.

        Where they are few an index names them; where they are many, some are near wherever one
        looks.
        """
        is_so = _status_is(status, held=held)
        many = _has(is_so)
        if status.value in _MANY:
            return many
        columns = recipient.c
        query = select(columns.message_id).where(columns.portal_id == self._portal_id, is_so)
        if status.value in _RARE:
            query = query.where(_IS_RARE)
        if search.before_id:
            query = query.where(columns.message_id < search.before_id)
        if search.after_id:
            query = query.where(columns.message_id > search.after_id)
        found = list(await self._connection.scalars(query.distinct().limit(_FEW + 1)))
        return message.c.id.in_(found) if len(found) <= _FEW else many

    async def _recipients(self, message_ids: Sequence[str]) -> Mapping[str, Sequence[Row[Any]]]:
        query = select(recipient).where(recipient.c.message_id.in_(message_ids))
        found: dict[str, list[Row[Any]]] = {each: [] for each in message_ids}
        for row in await self._connection.execute(query.order_by(recipient.c.id)):
            found[row.message_id].append(row)
        return found

    def _mine(self) -> ColumnElement[bool]:
        # Test mails are part of Email Settings, not of the log.
        mine = message.c.portal_id == self._portal_id
        return mine & (message.c.message_class != MessageClass.TEST.value)


def _conditions(search: Search) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if search.before_id:
        found.append(message.c.id < search.before_id)
    if search.after_id:
        found.append(message.c.id > search.after_id)
    # Ids sort by time, and may run ahead of it a little: so the primary key finds the days.
    if search.since:
        found += [message.c.created_at >= search.since, message.c.id >= Ids.floor(search.since)]
    if search.until:
        ends = Ids.floor(search.until + _AHEAD)
        found += [message.c.created_at < search.until, message.c.id < ends]
    if search.text:
        found.append(_mentions(search.text))
    return found


def _mentions(text: str) -> ColumnElement[bool]:
    return or_(
        message.c.subject.icontains(text, autoescape=True),
        _has(recipient.c.email.icontains(text, autoescape=True)),
    )


def _status_is(status: Status, *, held: bool) -> ColumnElement[bool]:
    """Held is what a person keeps back, and what is queued behind a paused connection."""
    live = recipient.c.lane == Lane.LIVE.value
    queued = recipient.c.status == literal_column(f"'{Status.QUEUED.value}'")
    # Written out, not bound: only so does the planner see that the partial indexes fit.
    itself = recipient.c.status == literal_column(f"'{status.value}'")
    match status:
        case Status.HELD:
            kept_back = itself
            return kept_back | (queued & live) if held else kept_back
        case Status.QUEUED:
            return queued & ~live if held else queued
        case _:
            return itself


def _has(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(recipient.c.message_id == message.c.id, condition)


def _times(status: Status, now: datetime) -> Mapping[str, datetime | None]:
    """What is to be sent again has all its time before it; anything else is settled."""
    if status is Status.QUEUED:
        return {"due": now, "expires": now + PATIENCE, "settled_at": None}
    return {"settled_at": now}
