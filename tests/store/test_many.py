"""Statements for many rows: what they write is what SQLAlchemy itself would write."""

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from letterhead.mail.portal import Portal
from letterhead.store.database import Database
from letterhead.store.letters import add
from letterhead.store.many import Many
from letterhead.store.tables import event
from tests.store.conftest import NOW, MakeLetter


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
