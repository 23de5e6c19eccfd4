"""Bodies are forgotten first, whole messages later, and nothing that is still open."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Table, func, select

from letterhead.mail.letter import Lane, Letter
from letterhead.mail.message import MessageClass, OnUncertain
from letterhead.mail.outcome import Sent, Status
from letterhead.mail.portal import Ids, Portal
from letterhead.mail.reply import Reply, Stage
from letterhead.store.database import Database
from letterhead.store.history import AT_ONCE, History
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.tables import body, event, message, recipient
from tests.store.conftest import NOW, MakeLetter
from tests.store.test_outbox import LEASE, keep

OK = Sent(Reply(Stage.MESSAGE, 250, "2.0.0 Ok"), Status.SENT)
DAY = timedelta(days=1)


async def send(database: Database, portal: Portal, at: datetime, lane: Lane = Lane.LIVE) -> None:
    """Settle everything that waits as sent."""
    outbox = Outbox(database)
    claims = await outbox.claim((portal.id, lane), LEASE, limit=AT_ONCE * 3, now=NOW)
    await outbox.settle([(each, OK, at) for each in claims])


async def count(database: Database, table: Table) -> int:
    async with database.read() as reading:
        return await reading.scalar(select(func.count()).select_from(table)) or 0


async def test_a_body_goes_after_its_time_and_the_message_later(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    await keep(store, portal, letter())
    await send(database, portal, NOW)
    history = History(database)

    early = await history.forget_bodies(NOW - DAY)
    on_time = await history.forget_bodies(NOW + DAY)
    bodies, messages = await count(database, body), await count(database, message)
    gone = await history.forget_messages(NOW + DAY)

    assert (early, on_time, bodies, messages, gone) == (0, 1, 0, 1, 1)
    assert [await count(database, each) for each in (message, recipient, event)] == [0, 0, 0]


async def test_the_time_counts_from_the_last_outcome(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    await keep(store, portal, letter())
    await send(database, portal, NOW + 4 * DAY)

    gone = await History(database).forget_bodies(NOW + 3 * DAY)

    assert gone == 0


async def test_what_waits_is_kept(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    await keep(store, portal, letter())

    gone = await History(database).forget_messages(NOW + 1000 * DAY)

    assert gone == 0
    assert await count(database, body) == 1


async def test_what_is_uncertain_is_kept_for_a_person(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    await keep(store, portal, letter(on_uncertain=OnUncertain.HOLD))
    outbox = Outbox(database)
    [claim] = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=1, now=NOW)
    await outbox.mark_dot(claim)
    await outbox.free(NOW, everything=True)

    gone = await History(database).forget_bodies(NOW + 1000 * DAY)

    assert gone == 0


async def test_parts_are_small_and_everything_goes_in_the_end(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    ids = Ids()
    letters: list[Letter] = [letter(id=ids.new(NOW)) for _ in range(AT_ONCE + 20)]
    async with store.portal(portal) as desk:
        for each in letters:
            await desk.letters.add(each)
    await send(database, portal, NOW)
    history = History(database)

    parts = [await history.forget_messages(NOW + DAY) for _ in range(3)]

    assert parts == [AT_ONCE, 20, 0]


@pytest.mark.parametrize("lane", [Lane.SYSTEM, Lane.TEST])
async def test_what_the_platform_said_goes_as_soon_as_everybody_has_it(
    store: Store, portal: Portal, letter: MakeLetter, database: Database, lane: Lane
) -> None:
    kind = {Lane.SYSTEM: MessageClass.SYSTEM, Lane.TEST: MessageClass.TEST}[lane]
    await keep(store, portal, letter(2, message_class=kind))
    outbox = Outbox(database)
    [first, second] = await outbox.claim((portal.id, lane), LEASE, limit=2, now=NOW)

    await outbox.settle([(first, OK, NOW)])
    halfway = await count(database, body)
    await outbox.settle([(second, OK, NOW)])

    assert (halfway, await count(database, body)) == (1, 0)
