"""Whom a portal's platform has told what happens, and the calls that are still to be made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.secret import Secret
from letterhead.mail.webhook import PATIENCE, Call, Round, new_secret, next_call
from letterhead.store.database import Database
from letterhead.store.tables import message, portal, recipient, webhook, webhook_call
from letterhead.store.vault import Vault

_LEASE = timedelta(minutes=2)
_AT_ONCE = 20  # calls in one round


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One thing to be told."""

    portal_id: int
    kind: str
    at: datetime
    message_id: str | None = None
    recipient_id: str | None = None
    reply: dict[str, Any] | None = None
    fault: str | None = None
    until: datetime | None = None


def of_row(row: Row[Any], **what: Any) -> Happened:  # noqa: ANN401 - columns
    """What happened to a recipient, of which a row is at hand."""
    ids = {"message_id": row.message_id, "recipient_id": row.id}
    return Happened(portal_id=row.portal_id, **ids, **what)


# None is removed meanwhile, and nobody who delivers is waited for.
_HOOKS: Select[*tuple[Any, ...]] = (
    select(webhook.c.id, webhook.c.portal_id, webhook.c.events)
    .where(webhook.c.portal_id.in_(bindparam("_portals", expanding=True)))
    .with_for_update(read=True, key_share=True)
)


def note(writing: Connection, happened: Iterable[Happened]) -> None:
    """Keep a call for each webhook that wants to know, in the transaction that made it true."""
    told = list(happened)
    if not told:
        return
    hooks = writing.execute(_HOOKS, {"_portals": list({each.portal_id for each in told})}).all()
    rows = [_row(hook.id, each) for each in told for hook in hooks if _wants(hook, each)]
    if rows:
        writing.execute(insert(webhook_call), rows)


def _wants(hook: Row[Any], what: Happened) -> bool:
    return hook.portal_id == what.portal_id and (not hook.events or what.kind in hook.events)


def _row(webhook_id: int, what: Happened) -> dict[str, Any]:
    return {
        "webhook_id": webhook_id,
        "portal_id": what.portal_id,
        "message_id": what.message_id,
        "recipient_id": what.recipient_id,
        "kind": what.kind,
        "at": what.at,
        "due": what.at,
        "reply": what.reply,
        "fault": what.fault,
        "until": what.until,
    }


class WebhookRows:
    """The webhooks of one portal."""

    def __init__(self, connection: AsyncConnection, portal_id: int, vault: Vault) -> None:
        self._connection = connection
        self._portal_id = portal_id
        self._vault = vault

    async def find(self) -> Sequence[Row[Any]]:
        """All of them, each with how many calls wait."""
        waiting = select(func.count()).where(webhook_call.c.webhook_id == webhook.c.id)
        query = select(webhook, waiting.scalar_subquery().label("waiting"))
        mine = webhook.c.portal_id == self._portal_id
        return (await self._connection.execute(query.where(mine).order_by(webhook.c.id))).all()

    async def add(self, url: str, kinds: Sequence[str], now: datetime) -> tuple[int, Secret]:
        """Add one; gives its number, and the secret that calls are signed with."""
        secret = new_secret()
        row = {"portal_id": self._portal_id, "url": url, "events": list(kinds), "created_at": now}
        sealed = self._vault.seal(secret, _bound(self._portal_id, url))
        query = insert(webhook).values(**row, due=now, sealed_secret=sealed)
        number = await self._connection.scalar(query.returning(webhook.c.id))
        return int(number or 0), secret

    async def remove(self, webhook_id: int) -> str | None:
        """Remove one with all that it was still to be told; gives its address."""
        mine = (webhook.c.id == webhook_id) & (webhook.c.portal_id == self._portal_id)
        query = select(webhook.c.url).where(mine).with_for_update()
        url: str | None = await self._connection.scalar(query)
        if url is not None:
            calls = delete(webhook_call).where(webhook_call.c.webhook_id == webhook_id)
            await self._connection.execute(calls)
            await self._connection.execute(delete(webhook).where(mine))
        return url


class WebhookSecrets:
    """The secrets of all webhooks, as the key ring turns."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def outdated(self) -> Sequence[Row[Any]]:
        """What an older key of the ring sealed, with the slug of the portal."""
        joined = webhook.c.portal_id == portal.c.id
        query = select(portal.c.slug, webhook).join_from(webhook, portal, joined)
        rows = await self._connection.execute(query.order_by(webhook.c.id))
        return [row for row in rows if not self._vault.is_newest(row.sealed_secret)]

    async def locked(self) -> list[str]:
        """The slugs of portals with a secret that cannot be opened: its key is missing."""
        rows = await self.outdated()
        return list(dict.fromkeys(row.slug for row in rows if self._opened(row) is None))

    async def reseal(self, row: Row[Any]) -> bool:
        """Seal one with the newest key; False if it cannot be opened, or was removed since."""
        secret = self._opened(row)
        if secret is None:
            return False
        sealed = self._vault.seal(secret, _bound(row.portal_id, row.url))
        query = update(webhook).where(webhook.c.id == row.id).values(sealed_secret=sealed)
        return (await self._connection.execute(query)).rowcount > 0

    def _opened(self, row: Row[Any]) -> Secret | None:
        return self._vault.open(row.sealed_secret, _bound(row.portal_id, row.url))


class Calls:
    """The calls that are to be made; fits `delivery.calling.Rows`."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def take(self, now: datetime, limit: int) -> Sequence[Round]:
        """Lease webhooks for which something is to be told now, and give what that is."""
        if not await self._database.reading(lambda reading: reading.execute(_due(now, 1)).all()):
            return []
        return await self._database.settling(lambda writing: self._leases(writing, now, limit))

    async def finish(self, of: Round, failed: Mapping[int, str], now: datetime) -> None:
        """
        Forget what was told; what failed (by its id: why) waits.

        So does a receiver that took nothing.
        """
        await self._database.settling(lambda writing: _finish(writing, of, failed, now))

    def _leases(self, writing: Connection, now: datetime, limit: int) -> Sequence[Round]:
        """Without those that another worker is taking."""
        some = _due(now, limit).with_for_update(skip_locked=True, key_share=True)
        return [self._leased(writing, row, now) for row in writing.execute(some).all()]

    def _leased(self, writing: Connection, row: Row[Any], now: datetime) -> Round:
        until = now + _LEASE
        writing.execute(update(webhook).where(webhook.c.id == row.id).values(due=until))
        too_old = webhook_call.c.at < now - PATIENCE
        mine = webhook_call.c.webhook_id == row.id
        writing.execute(delete(webhook_call).where(mine, too_old))
        # A receiver that took nothing is asked with one call whether it is back.
        limit = 1 if row.failures else _AT_ONCE
        return Round(
            webhook_id=row.id,
            url=row.url,
            secret=self._vault.open(row.sealed_secret, _bound(row.portal_id, row.url)),
            until=until,
            failures=row.failures,
            calls=_calls(writing, row, now, limit),
        )


def _due(now: datetime, limit: int) -> Select[*tuple[Any, ...]]:
    """Webhooks that may be called, and for which something waits."""
    calls = webhook_call.c
    something = exists().where(calls.webhook_id == webhook.c.id, calls.due <= now)
    query = select(webhook).where(webhook.c.due <= now, something)
    return query.order_by(webhook.c.due).limit(limit)


def _calls(reading: Connection, row: Row[Any], now: datetime, limit: int) -> Sequence[Call]:
    """The oldest that failed least: one that a receiver never takes keeps no other back."""
    calls = webhook_call.c
    query = (
        select(webhook_call, portal.c.slug, message.c.labels, message.c.header_id)
        .add_columns(recipient.c.email, recipient.c.copy)
        .join_from(webhook_call, portal, calls.portal_id == portal.c.id)
        .outerjoin(message, message.c.id == calls.message_id)
        .outerjoin(recipient, recipient.c.id == calls.recipient_id)
        .where(calls.webhook_id == row.id, calls.due <= now)
        .order_by(calls.attempts, calls.id)
        .limit(limit)
    )
    return [_call(each) for each in reading.execute(query)]


def _call(row: Row[Any]) -> Call:
    of = {"id": row.message_id, "message_id": row.header_id, "metadata": row.labels}
    to = {"id": row.recipient_id, "email": row.email, "copy": row.copy}
    return Call(
        id=row.id,
        kind=row.kind,
        at=row.at,
        portal=row.slug,
        attempts=row.attempts,
        message=of if row.message_id else None,
        recipient=to if row.recipient_id else None,
        reply=row.reply,
        fault=row.fault,
        until=row.until,
    )


def _finish(writing: Connection, of: Round, failed: Mapping[int, str], now: datetime) -> None:
    calls = webhook_call.c
    done = [each.id for each in of.calls if each.id not in failed]
    missed = [each for each in of.calls if each.id in failed]
    writing.execute(delete(webhook_call).where(calls.id.in_(done)))
    for each in missed:
        later = {"attempts": each.attempts + 1, "due": next_call(each.attempts + 1, now)}
        writing.execute(update(webhook_call).where(calls.id == each.id).values(later))
    failures = of.failures + 1 if missed and not done else 0
    values = {
        "due": next_call(failures, now) if failures else now,
        "failures": failures,
        "error": next(iter(failed.values()), None),
    }
    writing.execute(update(webhook).where(_still(of)).values(values))


def _still(of: Round) -> ColumnElement[bool]:
    """Whether the lease holds: somebody else may have taken the webhook since."""
    return (webhook.c.id == of.webhook_id) & (webhook.c.due == of.until)


def _bound(portal_id: int, url: str) -> tuple[object, ...]:
    return "webhook", portal_id, url
