"""What the chart of messages counts: each outcome once, whatever becomes of a lease."""

import asyncio
from datetime import timedelta

from alembic import command
from sqlalchemy import delete, func, select

from letterhead.mail import faults
from letterhead.mail.letter import Lane
from letterhead.mail.message import MessageClass, OnUncertain
from letterhead.mail.outcome import Deferred, Failed, Sent, Status, Uncertain
from letterhead.mail.portal import Portal
from letterhead.store import migrating
from letterhead.store.database import Database, kind_of
from letterhead.store.history import History
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.tables import tally, tally_day
from letterhead.store.tally import Day
from tests.store.conftest import NOW, MakeLetter
from tests.store.test_outbox import BUSY, LEASE, OTHER, TAKEN, keep

DAY = timedelta(days=1)


async def days(store: Store, portal: Portal) -> list[tuple[int, int, int]]:
    """Today, yesterday and so on, as far as there is something."""
    async with store.look(portal) as desk:
        found = await desk.tally.days(NOW + DAY, many=30)
    return [(each.accepted, each.sent, each.failed) for each in found if each != Day(each.day)]


async def test_what_is_accepted_sent_and_failed_is_counted_by_its_day(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    await keep(store, portal, letter(3), letter(1, message_class=MessageClass.SYSTEM))
    outbox, lane = Outbox(database), (portal.id, Lane.LIVE)
    sent, failed, later = await outbox.claim(lane, LEASE, limit=9, now=NOW)
    fault = faults.of(BUSY)

    await outbox.settle(
        [
            (sent, Sent(TAKEN, Status.SENT), NOW + DAY),
            (failed, Failed(BUSY, fault), NOW + DAY),
            (later, Deferred(BUSY, fault, NOW + 2 * DAY), NOW + DAY),
        ]
    )

    assert await days(store, portal) == [(3, 0, 0), (0, 1, 1)]


async def test_an_outcome_whose_lease_has_gone_is_not_counted(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    await keep(store, portal, letter(2))
    outbox, lane = Outbox(database), (portal.id, Lane.LIVE)
    first, second = await outbox.claim(lane, LEASE, limit=9, now=NOW)
    await outbox.free(NOW + DAY)
    again = await outbox.claim(lane, OTHER, limit=1, now=NOW)

    await outbox.settle(
        [
            (first, Sent(TAKEN, Status.SENT), NOW),
            (second, Sent(TAKEN, Status.SENT), NOW),
            (again[0], Sent(TAKEN, Status.SENT), NOW + DAY / 24),
        ]
    )

    assert await days(store, portal) == [(2, 1, 0)]


async def test_what_expires_has_failed_and_what_a_person_resolves_was_sent(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    unsure = letter(on_uncertain=OnUncertain.HOLD)
    await keep(store, portal, unsure, letter())
    outbox = Outbox(database)
    [claim] = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=1, now=NOW)
    fault = faults.by_code("connection-lost")
    await outbox.settle([(claim, Uncertain(BUSY, fault, None), NOW)])

    async with store.portal(portal) as desk:
        await desk.messages.resolve(unsure.id, claim.id, Status.SENT, NOW)
    await outbox.expire(NOW + 10 * DAY)

    async with store.look(portal) as desk:
        found = await desk.tally.days(NOW + 10 * DAY, many=30)
    assert sum(each.sent for each in found) == 1
    assert found[-1].failed == 1


async def test_rows_of_a_day_are_added_up_and_old_days_go(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    for at in (NOW - 400 * DAY, NOW, NOW, NOW):
        await keep(store, portal, letter(created_at=at))
    before, history = await days(store, portal), History(database)

    more = await history.add_up()
    between = await days(store, portal)
    await keep(store, portal, letter(2))
    gone = await history.forget_counts(NOW - 366 * DAY)
    await history.add_up()

    assert (more, gone) == (False, 1)
    assert before == between == [(3, 0, 0)]
    assert await days(store, portal) == [(5, 0, 0)]
    async with database.read() as reading:
        assert await reading.scalar(select(func.count()).select_from(tally)) == 0
        assert await reading.scalar(select(func.count()).select_from(tally_day)) == 1


async def test_what_two_add_up_at_once_is_counted_once(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    for _ in range(40):
        await keep(store, portal, letter())

    await asyncio.gather(*(History(database).add_up() for _ in range(4)))

    async with database.read() as reading:
        assert await reading.scalar(select(func.count()).select_from(tally)) == 0
    assert await days(store, portal) == [(40, 0, 0)]


async def test_an_upgrade_counts_what_is_in_the_log(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    await keep(store, portal, letter(2), letter(1, message_class=MessageClass.SYSTEM))
    outbox = Outbox(database)
    [claim] = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=1, now=NOW)
    await outbox.settle([(claim, Sent(TAKEN, Status.CAPTURED), NOW + DAY)])
    before = await days(store, portal)
    config = migrating.config(kind_of(database.url), database.url)
    async with database.accept() as writing:
        await writing.execute(delete(tally))

    await asyncio.to_thread(command.downgrade, config, "0015")
    await database.migrate()

    assert await days(store, portal) == before == [(2, 0, 0), (0, 1, 0)]
