"""What a portal's people are still to be told; kept in the transaction that made it true."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail import faults
from letterhead.mail.letter import PLATFORM, Letter
from letterhead.mail.news import Kind, News
from letterhead.mail.portal import Role
from letterhead.mail.settings import SmtpSettings
from letterhead.store.database import Database
from letterhead.store.letters import LetterRows
from letterhead.store.settings import settings_from
from letterhead.store.tables import news, person, portal, settings

_AT_ONCE = 50

Writes = Callable[[News, int], Sequence[Letter]]


async def add(
    writing: AsyncConnection, portal_id: int, kind: Kind, at: datetime, **why: object
) -> None:
    """
    Note what is to be told, and why (`fault`, `reply`).

    Of the platform's own route there is nobody to tell by mail.
    """
    if portal_id != PLATFORM:
        row = {"portal_id": portal_id, "kind": kind.value, "at": at, **why}
        await writing.execute(insert(news).values(row))


class NewsRows:
    """Turns news into letters; fits `delivery.herald.Desk`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, write: Writes) -> Sequence[int]:
        """Put what is to be told into the outbox, each once; gives the portals concerned."""
        async with self._database.read() as reading:
            if await reading.scalar(select(news.c.id).limit(1)) is None:
                return []
        async with self._database.settle() as writing:
            rows = (await writing.execute(_oldest())).all()
            for row in rows:
                found = await _news(writing, row)
                for letter in write(found, row.portal_id):
                    await LetterRows(writing).add(letter)
            told = [row.id for row in rows]
            await writing.execute(delete(news).where(news.c.id.in_(told)))
        return [row.portal_id for row in rows]


def _oldest() -> Any:  # noqa: ANN401 - a query
    live = (settings.c.portal_id == portal.c.id) & (settings.c.version == portal.c.live_version)
    return (
        select(news, portal.c.name, portal.c.fallback, settings.c.type, settings.c.fields)
        .join_from(news, portal, news.c.portal_id == portal.c.id)
        .outerjoin(settings, live)
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
    )


async def _people(reading: AsyncConnection, row: Row[Any]) -> Sequence[str]:
    """The portal's admins; where there are none, the operators, and the address in From."""
    admins = await _of(reading, Role.ADMIN, person.c.portal_id == row.portal_id)
    if admins:
        return admins
    operators = await _of(reading, Role.OPERATOR, person.c.portal_id.is_(None))
    live = settings_from(row.type, row.fields) if row.type else None
    own = [live.from_address] if isinstance(live, SmtpSettings) else []
    return [*operators, *own]


async def _of(reading: AsyncConnection, role: Role, where: ColumnElement[bool]) -> Sequence[str]:
    query = select(person.c.email).where(person.c.role == role.value, where)
    return list(await reading.scalars(query.order_by(person.c.email)))
