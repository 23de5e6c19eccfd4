"""Keeps what Amazon SES reports: an event, the recipient's status, and whom not to write to."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, insert, select, update
from sqlalchemy.engine import Connection

from letterhead.errors import Moving, Unavailable
from letterhead.mail.event import EventKind
from letterhead.mail.feedback import Report
from letterhead.mail.letter import Lane
from letterhead.mail.outcome import TAKEN, Status
from letterhead.store import tally, webhooks
from letterhead.store.database import Database
from letterhead.store.dialect import insert_new
from letterhead.store.suppressions import Reason, key_of
from letterhead.store.tables import event, portal, recipient, suppression
from letterhead.store.webhooks import Happened


class FeedbackRows:
    """Keeps each report once; fits `actions.feedback.Rows`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, report: Report) -> int | None:
        """
        Keep a report, and say of which portal it is.

        None for one that is known, or of a recipient that is not (any more).

        Unavailable if the recipient is just being sent: what SES reports before our own worker
        has written down that it was sent is to be reported again.
        """

        def work(writing: Connection) -> int | None:
            row = writing.execute(_RECIPIENT.where(recipient.c.id == report.recipient_id)).first()
            if row is None or _is_known(writing, report):
                return None
            if writing.scalar(_MOVES.where(portal.c.id == row.portal_id)):
                raise Moving
            if row.status == Status.SENDING.value:
                raise Unavailable("The mail is being sent at this moment: report it again.")
            _note(writing, row, report)
            _settle(writing, row, report)
            if report.suppresses and row.lane == Lane.LIVE.value:
                _suppress(writing, row, report)
            return int(row.portal_id)

        return await self._database.settling(work)


# Locked, so that of two reports of one recipient the second sees what the first has changed.
_RECIPIENT = select(recipient).with_for_update()
# Locked, so that a move waits for what was seen before it.
_MOVES = select(portal.c.moving_at).with_for_update(read=True, key_share=True)


def _is_known(reading: Connection, report: Report) -> bool:
    columns = event.c
    same = (
        (columns.recipient_id == report.recipient_id)
        & (columns.kind == report.kind.value)
        & (columns.at == report.at)
    )
    return bool(reading.scalar(select(exists().where(same))))


def _note(writing: Connection, row: Row[Any], report: Report) -> None:
    values = {
        "message_id": row.message_id,
        "recipient_id": row.id,
        "kind": report.kind.value,
        "at": report.at,
        "reply": _reply(report),
        "fault": report.fault,
    }
    writing.execute(insert(event).values(values))
    webhooks.note(writing, [Happened(portal_id=row.portal_id, **values)])


def _settle(writing: Connection, row: Row[Any], report: Report) -> None:
    """Change the status; a mail of which nobody knew whether SES had it was sent, too."""
    before = Status(row.status)
    after = report.follows(before)
    if after is before:
        return
    values: dict[str, Any] = {"status": after.value, "fault": report.fault}
    if before not in TAKEN:
        values |= {"settled_at": report.at, "dot_sent": False}
        tally.count(writing, _counted(row, report.at))
    writing.execute(update(recipient).where(recipient.c.id == row.id).values(values))


def _counted(row: Row[Any], at: datetime) -> list[tally.Happened]:
    return [(row.portal_id, at, tally.SENT)] if row.lane == Lane.LIVE.value else []


def _suppress(writing: Connection, row: Row[Any], report: Report) -> None:
    portal_id, email = key_of(row.portal_id, row.email)
    complained = report.kind is EventKind.COMPLAINED
    values = {
        "portal_id": portal_id,
        "email": email,
        "reason": (Reason.COMPLAINED if complained else Reason.BOUNCED).value,
        "at": report.at,
        "message_id": row.message_id,
        "fault": report.fault,
        "reply": _reply(report),
    }
    writing.execute(insert_new(writing.dialect, suppression).values(values))


def _reply(report: Report) -> dict[str, Any] | None:
    return report.reply.row if report.reply else None
