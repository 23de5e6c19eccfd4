"""Writing down what became of recipients: their new state, an event, and what is learned of it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, exists, insert, select, update
from sqlalchemy.engine import Connection

from letterhead import failpoints
from letterhead.mail.event import EventKind
from letterhead.mail.letter import Claim, Lane
from letterhead.mail.outcome import (
    TAKEN,
    Deferred,
    Failed,
    Outcome,
    Returned,
    Sent,
    Status,
    Stuck,
    Uncertain,
)
from letterhead.mail.reply import Answer, Reply
from letterhead.store import suppressions, tally, webhooks
from letterhead.store.prepared import Many
from letterhead.store.tables import body, event, recipient
from letterhead.store.webhooks import Happened

_TOLD = ("kind", "at", "reply", "fault", "until")
_HELD_UNDER = (recipient.c.id == bindparam("_id")) & (recipient.c.lease == bindparam("_lease"))
_SETTLE = Many(
    update(recipient)
    .where(_HELD_UNDER)
    .values(
        status=bindparam("_status"),
        due=bindparam("_due"),
        reply=bindparam("_reply"),
        fault=bindparam("_fault"),
        settled_at=bindparam("_at"),
        lease=None,
        lease_until=None,
        dot_sent=False,
    )
)
_GIVE_BACK = (
    update(recipient)
    .where(_HELD_UNDER)
    .values(
        status=Status.QUEUED.value,
        attempts=recipient.c.attempts - 1,  # it was none
        lease=None,
        lease_until=None,
        dot_sent=False,
    )
)

# An event of an outcome that counts: what comes after the lease has gone leaves no trace.
_HAPPENED = insert(event).from_select(
    ["message_id", "recipient_id", *_TOLD],
    select(
        recipient.c.message_id,
        recipient.c.id,
        *(bindparam(f"_{name}", type_=event.c[name].type) for name in _TOLD),
    ).where(_HELD_UNDER),
)

Settled = tuple[Claim, Outcome, datetime]


def settle(writing: Connection, outcomes: Sequence[Settled]) -> None:
    """Keep outcomes that still count: what comes after its lease has gone leaves no trace."""
    # In one order: so transactions that write some of the same rows wait, and do not block.
    outcomes = sorted(outcomes, key=lambda each: each[0].id)
    given_back = [each for each in outcomes if isinstance(each[1], Stuck | Returned)]
    settled = [each for each in outcomes if not isinstance(each[1], Stuck | Returned)]
    if events := [_event_row(*each) for each in settled if not isinstance(each[1], Sent)]:
        writing.execute(_HAPPENED, events)
    counted: Sequence[Settled] = ()
    if settled:
        changed = _SETTLE.run(writing, [_settled_row(*each) for each in settled])
        counted = settled if changed == len(settled) else _still_ours(writing, settled)
        tally.count(writing, _happened(counted))
    suppressions.learn(writing, counted)
    webhooks.note(writing, _told(counted))
    _forget_secrets(writing, {claim.message_id for claim, *_ in settled if _is_ours(claim)})
    if given_back:
        rows = [{"_id": claim.id, "_lease": claim.lease} for claim, *_ in given_back]
        writing.execute(_GIVE_BACK, rows)
    failpoints.reach("settling")


def _still_ours(writing: Connection, settled: Sequence[Settled]) -> Sequence[Settled]:
    """Those whose outcome was written: where a lease has gone, somebody else's counts."""
    columns = recipient.c
    ids = [claim.id for claim, *_ in settled]
    query = select(columns.id, columns.settled_at).where(columns.id.in_(ids))
    written = {row.id: row.settled_at for row in writing.execute(query)}
    return [each for each in settled if written.get(each[0].id) == each[2]]


def _told(settled: Iterable[Settled]) -> Iterator[Happened]:
    for claim, outcome, now in settled:
        if claim.lane[1] is not Lane.TEST:
            _, kind, until = _state(outcome)
            yield Happened(
                portal_id=claim.lane[0],
                kind=kind.value,
                at=now,
                message_id=claim.message_id,
                recipient_id=claim.id,
                reply=reply_row(_answer(outcome)),
                fault=_fault(outcome),
                until=until,
            )


def _happened(settled: Iterable[Settled]) -> Iterator[tally.Happened]:
    for claim, outcome, now in settled:
        if isinstance(outcome, Sent | Failed) and claim.lane[1] is Lane.LIVE:
            what = tally.SENT if isinstance(outcome, Sent) else tally.FAILED
            yield claim.lane[0], now, what


def _is_ours(claim: Claim) -> bool:
    """Whether the platform itself says something: a code, or a link for one person."""
    return claim.lane[1] is not Lane.LIVE


def _forget_secrets(writing: Connection, message_ids: Collection[str]) -> None:
    """Forget what the platform said as soon as everybody has it."""
    if not message_ids:
        return
    missed = recipient.c.status.not_in([each.value for each in TAKEN])
    there = exists().where(recipient.c.message_id == body.c.message_id, missed)
    writing.execute(delete(body).where(body.c.message_id.in_(message_ids), ~there))


def reply_row(answer: Answer | None) -> dict[str, Any] | None:
    """A server's reply as it is kept; a break of the connection is none."""
    return answer.row if isinstance(answer, Reply) else None


def _settled_row(claim: Claim, outcome: Outcome, now: datetime) -> dict[str, Any]:
    status, _, due = _state(outcome)
    return {
        "_id": claim.id,
        "_lease": claim.lease,
        "_status": status.value,
        "_due": due or now,
        "_reply": reply_row(_answer(outcome)),
        "_fault": _fault(outcome),
        "_at": None if due else now,
    }


def _event_row(claim: Claim, outcome: Outcome, now: datetime) -> dict[str, Any]:
    _, kind, due = _state(outcome)
    return {
        "_id": claim.id,
        "_lease": claim.lease,
        "_kind": kind.value,
        "_at": now,
        "_reply": reply_row(_answer(outcome)),
        "_fault": _fault(outcome),
        "_until": due,
    }


def _state(outcome: Outcome) -> tuple[Status, EventKind, datetime | None]:
    match outcome:
        case Sent(status=status):
            return status, EventKind(status.value), None
        case Deferred(until=until):
            return Status.QUEUED, EventKind.DEFERRED, until
        case Failed():
            return Status.FAILED, EventKind.FAILED, None
        case Uncertain(until=None):
            return Status.UNCERTAIN, EventKind.UNCERTAIN, None
        case Uncertain(until=until):
            return Status.QUEUED, EventKind.UNCERTAIN, until
        case Stuck() | Returned():
            raise TypeError("What was given back has no outcome to be kept.")


def _answer(outcome: Outcome) -> Answer | None:
    match outcome:
        case Sent(reply=reply):
            return reply
        case Deferred(answer=answer) | Failed(answer=answer) | Uncertain(answer=answer):
            return answer
        case Stuck() | Returned():
            return None


def _fault(outcome: Outcome) -> str | None:
    match outcome:
        case Deferred(fault=fault) | Failed(fault=fault) | Uncertain(fault=fault):
            return fault.code
        case Sent() | Stuck() | Returned():
            return None
