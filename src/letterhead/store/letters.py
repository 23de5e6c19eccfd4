"""Keeping accepted letters: message, body and recipients in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead import failpoints
from letterhead.errors import Moving
from letterhead.mail.event import EventKind
from letterhead.mail.letter import Addressee, KeyReused, Lane, Letter, Receipt
from letterhead.mail.outcome import Status
from letterhead.store import bodies, suppressions, tally, webhooks
from letterhead.store.lookups import Among, Pairs
from letterhead.store.prepared import Many
from letterhead.store.segments import Place
from letterhead.store.tables import event, message, portal, recipient
from letterhead.store.webhooks import Happened

_NOWHERE: Mapping[str, Place] = MappingProxyType({})

_KeyOf = tuple[int, str]
Suppressed = Mapping[tuple[int, str], Row[Any]]

# Made once: making a statement takes longer than running it.
_MESSAGE, _RECIPIENT, _EVENT = (Many(insert(each)) for each in (message, recipient, event))
_KNOWN = Pairs(
    select(message.c.id, message.c.portal_id, message.c.idempotency_key, message.c.request_digest),
    message.c.portal_id,
    message.c.idempotency_key,
)
_AWAY = Among(select(portal.c.id).where(portal.c.moving_at.is_not(None)), portal.c.id)


class LetterRows:
    """Keeps letters within a transaction that does other things, too."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, letter: Letter) -> Receipt | KeyReused:
        return (await self._connection.run_sync(add, [letter]))[0]


def add(
    connection: Connection, submitted: Sequence[Letter], places: Mapping[str, Place] = _NOWHERE
) -> list[Receipt | KeyReused]:
    """
    Keep what is new; a letter whose idempotency key is known already is answered from it.

    `places` are those of bodies that are on disk already, by the ids of their letters.
    """
    known = _known(connection, submitted)
    gone = suppressions.among(connection, submitted)
    fresh: dict[str, Letter] = {}
    results: list[Receipt | KeyReused] = []
    for handed_in in submitted:
        letter = _marked(handed_in, gone)
        earlier = known.get((letter.portal_id, letter.idempotency_key or ""))
        results.append(_repeated(letter, earlier) if earlier else Receipt(letter.id, _to(letter)))
        if not earlier:
            fresh[letter.id] = letter
            _remember(known, letter)
    _insert(connection, list(fresh.values()), gone, places)
    failpoints.reach("accepting")
    return results


def _marked(letter: Letter, gone: Suppressed) -> Letter:
    """The letter, with its suppressed addressees marked."""
    if not gone:
        return letter
    marked = [replace(each, suppressed=_key(letter, each) in gone) for each in letter.addressees]
    return replace(letter, addressees=tuple(marked))


def _key(letter: Letter, addressee: Addressee) -> tuple[int, str]:
    return suppressions.key_of(letter.portal_id, addressee.email)


def _repeated(letter: Letter, earlier: tuple[str | None, Receipt]) -> Receipt | KeyReused:
    digest, receipt = earlier
    return receipt if digest == letter.request_digest else KeyReused()


def _remember(known: dict[_KeyOf, tuple[str | None, Receipt]], letter: Letter) -> None:
    if letter.idempotency_key:
        receipt = Receipt(letter.id, _to(letter), replayed=True)
        known[letter.portal_id, letter.idempotency_key] = (letter.request_digest, receipt)


def _to(letter: Letter) -> tuple[Addressee, ...]:
    return tuple(each for each in letter.addressees if not each.copy)


def _known(
    connection: Connection, submitted: Iterable[Letter]
) -> dict[_KeyOf, tuple[str | None, Receipt]]:
    keys = [(each.portal_id, each.idempotency_key) for each in submitted if each.idempotency_key]
    if not keys:
        return {}
    rows = list(_KNOWN.rows(connection, set(keys)))
    addressees = _addressees(connection, [row.id for row in rows])
    return {
        (row.portal_id, row.idempotency_key): (
            row.request_digest,
            Receipt(row.id, addressees[row.id], replayed=True),
        )
        for row in rows
    }


def _addressees(
    connection: Connection, message_ids: Sequence[str]
) -> Mapping[str, tuple[Addressee, ...]]:
    query = (
        select(recipient.c.message_id, recipient.c.id, recipient.c.email, recipient.c.status)
        .where(recipient.c.message_id.in_(message_ids), ~recipient.c.copy)
        .order_by(recipient.c.id)
    )
    found: dict[str, list[Any]] = {each: [] for each in message_ids}
    for row in connection.execute(query):
        found[row.message_id].append(row)
    return {key: tuple(map(_addressee, rows)) for key, rows in found.items()}


def _addressee(row: Row[Any]) -> Addressee:
    return Addressee(row.id, row.email, suppressed=row.status == Status.SUPPRESSED.value)


def _insert(
    connection: Connection,
    fresh: Sequence[Letter],
    gone: Suppressed,
    places: Mapping[str, Place],
) -> None:
    if not fresh:
        return
    _MESSAGE.run(connection, [_message_row(each) for each in fresh])
    _demand_here(connection, fresh)
    bodies.add(connection, fresh, places)
    rows = [row for each in fresh for row in _recipient_rows(each, gone)]
    _RECIPIENT.run(connection, rows)
    tally.count(connection, _accepted(fresh))
    if events := [_suppressed(row) for row in rows if row["settled_at"]]:
        _EVENT.run(connection, events)
        owner = {each.id: each.portal_id for each in fresh}
        webhooks.note(
            connection, (Happened(portal_id=owner[each["message_id"]], **each) for each in events)
        )


def _demand_here(connection: Connection, fresh: Sequence[Letter]) -> None:
    """
    Moving, if one of the portals is on its way to another cell.

    Looked at behind the insert, whose foreign key holds the portal's row until the end: either this
    sees the move, or the move waits for this.
    """
    if any(_AWAY.rows(connection, {each.portal_id for each in fresh})):
        raise Moving


def _accepted(fresh: Iterable[Letter]) -> Iterator[tally.Happened]:
    """Mail of the portal itself: neither the platform's own, nor tests."""
    for letter in fresh:
        if letter.lane is Lane.LIVE:
            for _ in letter.addressees:
                yield letter.portal_id, letter.created_at, tally.ACCEPTED


def _message_row(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "portal_id": letter.portal_id,
        "message_class": letter.message_class.value,
        "created_at": letter.created_at,
        "send_at": letter.due if letter.due > letter.created_at else None,
        "subject": letter.subject,
        "from_name": letter.from_name,
        "reply_to": [[each.email, each.name] for each in letter.reply_to],
        "labels": dict(letter.metadata),
        "on_uncertain": letter.on_uncertain.value,
        "header_id": letter.header_id,
        "size": len(letter.content),
        "idempotency_key": letter.idempotency_key,
        "request_digest": letter.request_digest,
        "again_of": letter.again_of,
    }


def _recipient_rows(letter: Letter, gone: Suppressed) -> Iterable[dict[str, Any]]:
    for each in letter.addressees:
        why = gone[_key(letter, each)] if each.suppressed else None
        yield {
            "id": each.id,
            "message_id": letter.id,
            "portal_id": letter.portal_id,
            "lane": letter.lane.value,
            "email": each.email,
            "copy": each.copy,
            "status": (Status.SUPPRESSED if why else Status.QUEUED).value,
            "due": letter.due,
            "expires": letter.expires,
            "settled_at": letter.created_at if why else None,
            "fault": why.fault if why else None,
            "reply": why.reply if why else None,
        }


def _suppressed(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "message_id": row["message_id"],
        "recipient_id": row["id"],
        "kind": EventKind.SUPPRESSED.value,
        "at": row["settled_at"],
        "fault": row["fault"],
        "reply": row["reply"],
    }
