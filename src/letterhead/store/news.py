"""What a portal's people are still to be told; kept in the transaction that made it true."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail import faults
from letterhead.mail.change import Change
from letterhead.mail.letter import PLATFORM, Letter
from letterhead.mail.news import Kind, News
from letterhead.mail.outcome import Stuck
from letterhead.mail.portal import Role
from letterhead.mail.settings import OwnSettings
from letterhead.store import webhooks
from letterhead.store.database import Database
from letterhead.store.letters import LetterRows
from letterhead.store.settings import settings_from
from letterhead.store.settling import reply_row
from letterhead.store.tables import change, news, person, portal, settings
from letterhead.store.webhooks import Happened

_AT_ONCE = 50
_QUIET = timedelta(hours=1)

Writes = Callable[[News, int], Sequence[Letter]]


async def paused(writing: AsyncConnection, portal_id: int, stuck: Stuck, at: datetime) -> None:
    """
    Note that mail stopped, and why.

    It is told at once, or an hour after people were told that mail flows again: a server that
    comes and goes is no news each time. Of the platform's own route there is nobody to tell.
    """
    if portal_id == PLATFORM:
        return
    told = await writing.scalar(select(portal.c.told_at).where(portal.c.id == portal_id))
    due = max(at, told + _QUIET) if told else at
    why: dict[str, Any] = {"fault": stuck.fault.code, "reply": reply_row(stuck.answer)}
    happened = Happened(portal_id=portal_id, kind=Kind.PAUSED.value, at=at, **why)
    await writing.run_sync(webhooks.note, [happened])
    await _add(writing, {"portal_id": portal_id, "kind": Kind.PAUSED.value, "due": due, **why}, at)


async def recovered(writing: AsyncConnection, portal_id: int, at: datetime) -> None:
    """Note that mail flows again; where nobody has heard that it stopped, nobody is told."""
    if portal_id == PLATFORM:
        return
    happened = Happened(portal_id=portal_id, kind=Kind.RECOVERED.value, at=at)
    await writing.run_sync(webhooks.note, [happened])
    untold = delete(news).where(news.c.portal_id == portal_id, news.c.due > at)
    if (await writing.execute(untold)).rowcount:
        return
    row = {"portal_id": portal_id, "kind": Kind.RECOVERED.value, "due": at}
    await _add(writing, row, at)
    mine = update(portal).where(portal.c.id == portal_id)
    await writing.execute(mine.values(told_at=at))


async def changed(
    writing: AsyncConnection, portal_id: int, change_id: int, *, also: Sequence[str], at: datetime
) -> None:
    """Note that somebody changed something that people, and those of `also`, are told of."""
    row = {"portal_id": portal_id, "kind": Kind.CHANGED.value, "due": at}
    await _add(writing, {**row, "change_id": change_id, "also": list(also)}, at)


async def _add(writing: AsyncConnection, row: Mapping[str, object], at: datetime) -> None:
    await writing.execute(insert(news).values({**row, "at": at}))


class NewsRows:
    """Turns news into letters; fits `delivery.herald.Desk`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, write: Writes, now: datetime) -> Sequence[int]:
        """Put what is to be told now into the outbox, each once; gives the portals concerned."""
        is_due = news.c.due <= now
        async with self._database.read() as reading:
            if await reading.scalar(select(news.c.id).where(is_due).limit(1)) is None:
                return []
        async with self._database.settle() as writing:
            rows = (await writing.execute(_oldest().where(is_due))).all()
            for row in rows:
                found = await _news(writing, row)
                for letter in write(found, row.portal_id):
                    await LetterRows(writing).add(letter)
            told = [row.id for row in rows]
            await writing.execute(delete(news).where(news.c.id.in_(told)))
        return [row.portal_id for row in rows]


def _oldest() -> Select[*tuple[Any, ...]]:
    live = (settings.c.portal_id == portal.c.id) & (settings.c.version == portal.c.live_version)
    return (
        select(news, portal.c.name, portal.c.fallback, settings.c.type, settings.c.fields)
        .add_columns(change.c.who, change.c.what, change.c.details)
        .join_from(news, portal, news.c.portal_id == portal.c.id)
        .outerjoin(settings, live)
        .outerjoin(change, change.c.id == news.c.change_id)
        .where(portal.c.moving_at.is_(None))  # of the others they are told in another cell
        .order_by(news.c.id)
        .limit(_AT_ONCE)
        .with_for_update(of=news, skip_locked=True)
    )


async def _news(reading: AsyncConnection, row: Row[Any]) -> News:
    return News(
        kind=Kind(row.kind),
        portal_name=row.name,
        at=row.at,
        people=tuple(await _people(reading, row)),
        fault=faults.by_code(row.fault) if row.fault else None,
        reply=row.reply,
        falls_back=row.fallback,
        who=row.who or "",
        what=Change[row.what.upper()] if row.what else None,
        details=row.details or {},
    )


async def _people(reading: AsyncConnection, row: Row[Any]) -> Sequence[str]:
    """
    The portal's admins; where there are none, the address in From, and of faults the operators.

    Of a change those are told as well whom it put out of their place.
    """
    admins = await _of(reading, Role.ADMIN, person.c.portal_id == row.portal_id)
    found = [*(admins or await _without_admins(reading, row)), *(row.also or ())]
    return list({each.lower(): each for each in found}.values())


async def _without_admins(reading: AsyncConnection, row: Row[Any]) -> Sequence[str]:
    live = settings_from(row.type, row.fields) if row.type else None
    own = [live.from_address] if isinstance(live, OwnSettings) else []
    if row.kind == Kind.CHANGED.value:  # theirs is the history: each of many portals changes
        return own
    return [*await _of(reading, Role.OPERATOR, person.c.portal_id.is_(None)), *own]


async def _of(reading: AsyncConnection, role: Role, where: ColumnElement[bool]) -> Sequence[str]:
    query = select(person.c.email).where(person.c.role == role.value, where)
    return list(await reading.scalars(query.order_by(person.c.email)))
