"""Prepared statements write and read what SQLAlchemy itself would write and read."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from letterhead.mail.portal import Portal
from letterhead.store.database import Database
from letterhead.store.letters import add
from letterhead.store.lookups import Among, Pairs
from letterhead.store.prepared import Many, Prepared
from letterhead.store.tables import event, message, recipient
from tests.store.conftest import NOW, MakeLetter

NONE = {"_id": "none such"}


async def test_rows_are_written_as_they_are_always_written(
    portal: Portal, letter: MakeLetter, database: Database
) -> None:
    made = letter()
    shared = {"message_id": made.id, "recipient_id": made.addressees[0].id, "kind": "deferred"}
    rows: list[dict[str, Any]] = [
        {**shared, "at": NOW, "reply": {"code": 450, "text": "später % ? :a"}, "fault": None},
        {**shared, "at": NOW + timedelta(microseconds=1), "reply": None, "fault": "it's % ?"},
    ]
    many, columns = Many(insert(event)), [each for each in event.c if each is not event.c.id]
    async with database.accept() as writing:
        await writing.run_sync(add, [made])
        await writing.run_sync(many.run, rows)
        await writing.execute(insert(event), rows)
    async with database.read() as reading:
        found = (await reading.execute(select(*columns).order_by(event.c.id))).all()

    assert len(found) == 4
    assert found[:2] == found[2:]
    assert found[0].reply == rows[0]["reply"]
    assert found[1].at == rows[1]["at"]


async def test_it_says_how_many_rows_changed(
    portal: Portal, letter: MakeLetter, database: Database
) -> None:
    made = letter()
    shared = {"message_id": made.id, "recipient_id": made.addressees[0].id, "at": NOW}
    change = Many(
        update(event)
        .where(event.c.kind == bindparam("_kind"))
        .values(kind="sent", fault=None, until=bindparam("_until"))
    )
    async with database.accept() as writing:
        await writing.run_sync(add, [made])
        for kind in ("deferred", "failed"):
            await writing.execute(insert(event).values(**shared, kind=kind, fault="x"))
        changed = await writing.run_sync(
            change.run,
            [{"_kind": each, "_until": NOW} for each in ("deferred", "none such", "failed")],
        )
        none = await writing.run_sync(change.run, [{"_kind": "deferred", "_until": NOW}])
    async with database.read() as reading:
        found = (await reading.execute(select(event.c.kind, event.c.fault, event.c.until))).all()

    assert (changed, none) == (2, 0)
    assert [tuple(each) for each in found] == [("sent", None, NOW)] * 2


async def test_rows_are_read_as_they_are_always_read(
    portal: Portal, letter: MakeLetter, database: Database
) -> None:
    made = letter(idempotency_key="it's % ? :a", metadata={"order": "später"})
    query = select(message, recipient.c.copy, recipient.c.due.label("when")).join(recipient)
    mine = query.where(message.c.id == bindparam("_id"))
    prepared = Prepared(mine)
    async with database.accept() as writing:
        await writing.run_sync(add, [made])

    def read(reading: Connection) -> tuple[Sequence[Any], Sequence[Any], Any]:
        rows = prepared.rows(reading, {"_id": made.id})
        again = prepared.first(reading, {"_id": made.id})
        assert again == rows[0]
        return reading.execute(mine, {"_id": made.id}).all(), rows, prepared.first(reading, NONE)

    expected, found, none = await database.reading(read)

    assert [tuple(each) for each in found] == [tuple(each) for each in expected]
    assert found[0].message_class == expected[0].message_class == "business"
    assert (found[0].labels, found[0].when) == ({"order": "später"}, NOW)
    assert found[0].copy is False
    assert none is None


async def test_a_row_that_is_changed_is_given_back(
    portal: Portal, letter: MakeLetter, database: Database
) -> None:
    made = letter(2)
    change = Prepared(
        update(recipient)
        .where(recipient.c.message_id == bindparam("_id"))
        .values(status="sending", lease_until=bindparam("_until"))
        .returning(recipient.c.id, recipient.c.lease_until)
    )
    async with database.accept() as writing:
        await writing.run_sync(add, [made])

    values = {"_id": made.id, "_until": NOW}
    rows = await database.settling(lambda writing: change.rows(writing, values))

    assert sorted(rows) == [(each.id, NOW) for each in made.addressees]


@pytest.mark.parametrize("count", [0, 1, 2, 5, 64, 65, 200])
async def test_many_keys_are_looked_up(
    portal: Portal, letter: MakeLetter, database: Database, count: int
) -> None:
    made = [letter(idempotency_key=f"key {at}") for at in range(count)]
    among = Among(select(message), message.c.id)
    pairs = Pairs(select(message), message.c.portal_id, message.c.idempotency_key)
    async with database.accept() as writing:
        await writing.run_sync(add, [letter(), *made])

    by_id, by_pair = await database.reading(
        lambda reading: (
            list(among.rows(reading, [each.id for each in made])),
            list(pairs.rows(reading, [(portal.id, f"key {at}") for at in range(count)])),
        )
    )

    ids = [each.id for each in made]
    assert sorted(each.id for each in by_id) == ids
    assert sorted(each.id for each in by_pair) == ids


async def test_what_the_driver_says_is_understood(
    portal: Portal, letter: MakeLetter, database: Database
) -> None:
    nowhere = update(recipient).values(message_id=bindparam("_id"))
    statement, many = Prepared(nowhere.returning(recipient.c.id)), Many(nowhere)
    async with database.accept() as writing:
        await writing.run_sync(add, [letter()])

    with pytest.raises(DBAPIError, match=r"(?i)foreign key"):
        await database.settling(lambda writing: statement.rows(writing, NONE))
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"):
        await database.settling(lambda writing: many.run(writing, [NONE]))
