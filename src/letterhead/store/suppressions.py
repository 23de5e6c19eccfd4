"""Whom a portal does not write to any more, since there is no such mailbox, or a person said so."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.letter import Claim, Lane, Letter
from letterhead.mail.message import MessageClass
from letterhead.mail.outcome import Failed, Outcome, Sent
from letterhead.mail.reply import Reply
from letterhead.store.dialect import insert_new
from letterhead.store.lookups import Pairs
from letterhead.store.tables import suppression

_Key = tuple[int, str]  # a portal and an address in small letters

_SUPPRESSED = Pairs(select(suppression), suppression.c.portal_id, suppression.c.email)
_LET_GO = delete(suppression).where(
    suppression.c.portal_id == bindparam("_portal_id"), suppression.c.email == bindparam("_email")
)


class Reason(StrEnum):
    """Why an address is suppressed."""

    FAILED = "failed"
    MANUAL = "manual"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class SuppressionRows:
    """The suppressed addresses of one portal."""

    def __init__(self, connection: AsyncConnection, portal_id: int) -> None:
        self._connection = connection
        self._portal_id = portal_id

    async def find(self, text: str, *, after: str, limit: int) -> Sequence[Row[Any]]:
        """By address, from behind `after`; those that hold `text`."""
        columns = suppression.c
        query = select(suppression).where(self._mine(), columns.email > after)
        if text:
            query = query.where(columns.email.contains(text.lower(), autoescape=True))
        rows = await self._connection.execute(query.order_by(columns.email).limit(limit))
        return rows.all()

    async def count(self, reason: Reason, since: datetime) -> int:
        """How many addresses were put here for a reason since a time."""
        columns = suppression.c
        mine = (self._mine(), columns.reason == reason.value, columns.at >= since)
        return int(await self._connection.scalar(select(func.count()).where(*mine)) or 0)

    async def add(self, email: str, now: datetime) -> Row[Any]:
        """Suppress an address; one that is suppressed already stays as it is."""
        row = {"portal_id": self._portal_id, "email": email.lower(), "at": now}
        query = insert_new(self._connection.dialect, suppression)
        await self._connection.execute(query.values(**row, reason=Reason.MANUAL.value))
        rows = await self._connection.execute(select(suppression).where(*self._is(email)))
        return rows.one()

    async def remove(self, email: str) -> bool:
        gone = await self._connection.execute(delete(suppression).where(*self._is(email)))
        return gone.rowcount > 0

    def _is(self, email: str) -> tuple[ColumnElement[bool], ...]:
        return self._mine(), suppression.c.email == email.lower()

    def _mine(self) -> ColumnElement[bool]:
        return suppression.c.portal_id == self._portal_id


def among(reading: Connection, letters: Iterable[Letter]) -> Mapping[_Key, Row[Any]]:
    """Who of the letters' addressees is suppressed; what the platform itself says goes to all."""
    business = [each for each in letters if each.message_class is MessageClass.BUSINESS]
    keys = {key_of(each.portal_id, to.email) for each in business for to in each.addressees}
    return {(row.portal_id, row.email): row for row in _SUPPRESSED.rows(reading, keys)}


def learn(writing: Connection, outcomes: Iterable[tuple[Claim, Outcome, datetime]]) -> None:
    """Suppress whom a server does not know; let go whom it knows again."""
    gone, found = [], []
    for claim, outcome, now in outcomes:
        if isinstance(outcome, Failed) and claim.lane[1] is Lane.LIVE and outcome.fault.suppresses:
            gone.append(_row(claim, outcome, now))
        if isinstance(outcome, Sent) and claim.suppressed:
            found.append(key_of(claim.lane[0], claim.email))
    if gone:
        writing.execute(insert_new(writing.dialect, suppression), gone)
    if found:
        writing.execute(_LET_GO, [{"_portal_id": of, "_email": email} for of, email in found])


def key_of(portal_id: int, email: str) -> _Key:
    return portal_id, email.lower()


def _row(claim: Claim, outcome: Failed, now: datetime) -> dict[str, Any]:
    portal_id, email = key_of(claim.lane[0], claim.email)
    return {
        "portal_id": portal_id,
        "email": email,
        "reason": Reason.FAILED.value,
        "at": now,
        "message_id": claim.message_id,
        "fault": outcome.fault.code,
        "reply": outcome.answer.row if isinstance(outcome.answer, Reply) else None,
    }
