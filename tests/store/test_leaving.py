"""A portal leaves: with all that is its own, and nothing that opens something or is another's."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select

from letterhead.actions import portals
from letterhead.errors import Conflict
from letterhead.mail.letter import Lane
from letterhead.mail.outcome import Sent, Status
from letterhead.mail.portal import Ids, Portal, Role, Scope
from letterhead.mail.secret import Secret
from letterhead.mail.settings import SmtpSettings
from letterhead.store.database import Database
from letterhead.store.leaving import EXPORTED, GRACE, KEPT_BACK, Leaving
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.tables import metadata, session
from letterhead.store.tables import portal as portal_rows
from tests.store.conftest import NOW, MakeLetter, letter_of
from tests.store.test_outbox import LEASE, TAKEN, keep

PASSWORD = Secret("a-very-secret-password")


@pytest.fixture
async def other(store: Store) -> Portal:
    async with store.platform() as rows:
        return await rows.add_portal("other", "Other & Co", NOW)


async def furnish(store: Store, of: Portal) -> Secret:
    """Give a portal something of every kind; gives what its key opens with."""
    async with store.portal(of, by="anna") as desk:
        draft = SmtpSettings(
            server="smtp.hart.test", login="office", password_set=True, from_address="o@hart.test"
        )
        await desk.settings.go_live(await desk.settings.save(draft, PASSWORD, NOW), NOW)
        await desk.suppressions.add("gone@client.test", NOW)
        await desk.webhooks.add("https://hooks.hart.test/", [], NOW)
    async with store.platform(by="anna") as rows:
        await portals.add_person(rows, "anna@hart.test", Role.ADMIN, of, now=NOW)
        return await portals.issue_key(rows, of, "shop", [Scope.SEND], now=NOW)


async def counts(database: Database, of: Portal) -> dict[str, int]:
    """How many rows of each table are a portal's."""
    async with database.read() as reading:
        return {
            each.name: await reading.scalar(
                select(func.count()).select_from(each).where(each.c.portal_id == of.id)
            )
            or 0
            for each in metadata.sorted_tables
            if "portal_id" in each.c
        }


def test_of_every_table_it_is_said_whether_it_leaves() -> None:
    mine = {
        each.name
        for each in metadata.sorted_tables
        if "portal_id" in each.c or "message_id" in each.c
    }

    assert mine == {*EXPORTED, *KEPT_BACK}


async def test_an_export_holds_everything_but_what_opens_something(
    store: Store, portal: Portal, other: Portal, letter: MakeLetter
) -> None:
    key = await furnish(store, portal)
    await furnish(store, other)
    await keep(store, portal, letter(2, subject="Invoice 7"))
    await keep(store, other, letter_of(other, Ids(), subject="Of others"))

    text = "".join([line async for line in store.rows_of(portal)])

    rows = [json.loads(line) for line in text.splitlines()]
    tables = [each["table"] for each in rows]
    assert set(tables) >= {
        "portal",
        "settings",
        "person",
        "key",
        "suppression",
        "webhook",
        "change",
    }
    assert (tables.count("message"), tables.count("recipient")) == (1, 2)
    assert "Of others" not in text
    assert PASSWORD.reveal() not in text
    assert key.reveal() not in text
    assert not {"sealed_password", "sealed_secret", "digest", "code_digest"} & {
        name for row in rows for name in row
    }


async def test_an_export_of_many_messages_is_whole(
    store: Store, portal: Portal, letter: MakeLetter
) -> None:
    await keep(store, portal, *(letter() for _ in range(1001)))

    found = [json.loads(line) async for line in store.rows_of(portal)]

    ids = [each["id"] for each in found if each["table"] == "message"]
    assert len(set(ids)) == len(ids) == 1001


async def test_a_portal_with_waiting_mail_is_not_deleted_by_mistake(
    store: Store, portal: Portal, letter: MakeLetter
) -> None:
    await keep(store, portal, letter(3))

    with pytest.raises(Conflict, match="3 mails"):
        async with store.portal(portal) as desk:
            await portals.delete(desk, NOW, by="op", discards=False)

    async with store.look_around() as rows:
        assert await rows.portal("hart") == portal


async def test_a_deleted_portal_is_gone_at_once_and_its_rows_soon_and_nobody_elses(
    store: Store, portal: Portal, other: Portal, letter: MakeLetter, database: Database
) -> None:
    key = await furnish(store, portal)
    await furnish(store, other)
    await keep(store, portal, *(letter() for _ in range(600)))
    await keep(store, other, letter_of(other, Ids(), 2))
    before = await counts(database, other)
    async with database.accept() as writing:
        row = {"digest": "d", "email": "a@b.test", "portal_id": portal.id, "role": "admin"}
        await writing.execute(insert(session).values(**row, created_at=NOW, expires=NOW))

    async with store.portal(portal) as desk:
        gone = await portals.delete(desk, NOW, by="op@desk.test", discards=True)
    async with store.platform() as rows:
        found, opens = await rows.portal("hart"), await rows.principal(key.reveal())
        again = await rows.add_portal("hart", "Hart anew", NOW)
        listed = [(each.slug, each.who, each.waiting) for each in await rows.gone(9)]
    leaving = Leaving(database)
    removed = [await leaving.remove(portal.id, NOW + 2 * GRACE) for _ in range(3)]

    assert (gone, found, opens) == (600, None, None)
    assert listed == [("hart", "op@desk.test", 600)]
    assert removed == [500, 100, 0]
    assert set((await counts(database, portal)).values()) == {0}
    assert await counts(database, other) == before
    assert again.id != portal.id
    assert await leaving.closed() == []


async def test_what_is_on_the_wire_is_waited_for(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    """An outcome that comes late breaks nothing, and the portal goes after it."""
    await keep(store, portal, letter(), letter())
    outbox, leaving = Outbox(database), Leaving(database)
    [claim] = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=1, now=NOW)
    async with store.portal(portal) as desk:
        await portals.delete(desk, NOW, by="op", discards=True)

    first = await leaving.remove(portal.id, NOW + timedelta(hours=1))
    still = await leaving.closed()
    await outbox.settle([(claim, Sent(TAKEN, Status.SENT), NOW)])
    second = await leaving.remove(portal.id, NOW + timedelta(hours=1))
    await outbox.settle([(claim, Sent(TAKEN, Status.SENT), NOW)])

    assert (first, still, second) == (1, [portal.id], 1)
    assert await leaving.closed() == []
    async with database.read() as reading:
        assert await reading.scalar(select(func.count()).select_from(portal_rows)) == 0
