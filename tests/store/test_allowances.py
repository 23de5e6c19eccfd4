"""What a connection allows holds over all workers, and mail that must wait is no attempt."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import pytest

from letterhead.mail.letter import PLATFORM, Claim, Lane
from letterhead.mail.limits import Allowance, Limits
from letterhead.mail.portal import Portal
from letterhead.mail.settings import KeepPassword, SmtpSettings
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from tests.store.conftest import NOW, MakeLetter
from tests.store.test_outbox import LEASE, keep

MICROSOFT = Limits(connections=3, per_minute=30, per_day=10_000)
DAILY = Limits(connections=3, per_day=8)


@pytest.fixture
async def office(store: Store, portal: Portal, letter: MakeLetter) -> Allowance:
    """A connection of Office 365, with 100 mails behind it."""
    async with store.portal(portal) as desk:
        draft = SmtpSettings(
            provider="microsoft365",
            server="smtp.office365.com",
            from_address="office@hart.test",
        )
        version = await desk.settings.save(draft, KeepPassword(), NOW)
        await desk.settings.go_live(version, NOW)
    await keep(store, portal, letter(100))
    return Allowance(portal.id, version.number, MICROSOFT)


@pytest.fixture
async def workers(database_url: str) -> AsyncIterator[list[Outbox]]:
    """Two workers, each with connections of its own to one database."""
    made = [Database(database_url) for _ in range(2)]
    yield [Outbox(each) for each in made]
    for each in made:
        await each.close()


async def claimed(outbox: Outbox, under: Allowance, now: datetime = NOW) -> Sequence[Claim]:
    lane = (under.connection_id, Lane.LIVE)
    return await outbox.claim(lane, LEASE, limit=100, now=now, under=under)


async def test_a_minute_s_worth_goes_in_a_minute_and_the_rest_waits_untouched(
    office: Allowance, database: Database
) -> None:
    outbox, taken = Outbox(database), list[Claim]()
    for second in range(60):
        taken += await claimed(outbox, office, NOW + timedelta(seconds=second))

    assert len(taken) == 30
    later = await claimed(outbox, office, NOW + timedelta(minutes=10))
    assert len(later) == 7
    assert {each.attempts for each in later} == {1}  # those before were no attempts


async def test_two_workers_share_one_allowance(office: Allowance, workers: list[Outbox]) -> None:
    taken: list[Claim] = []
    for second in range(0, 60, 2):
        now = NOW + timedelta(seconds=second)
        parts = await asyncio.gather(*(claimed(each, office, now) for each in workers * 4))
        taken += [each for part in parts for each in part]

    assert len(taken) == len({each.id for each in taken}) == 30


async def test_a_day_s_worth_goes_in_a_day(office: Allowance, database: Database) -> None:
    under = Allowance(office.connection_id, office.version, DAILY)
    taken = [await claimed(Outbox(database), under, NOW + timedelta(hours=at)) for at in range(24)]

    assert sum(map(len, taken)) == 8


async def test_only_what_was_taken_is_used_up(office: Allowance, database: Database) -> None:
    outbox = Outbox(database)
    lane = (office.connection_id, Lane.LIVE)

    first = await outbox.claim(lane, LEASE, limit=3, now=NOW, under=office)
    second = await claimed(outbox, office)

    assert (len(first), len(second)) == (3, 4)


async def test_the_sweep_does_not_wake_a_lane_before_its_time(
    office: Allowance, database: Database
) -> None:
    outbox = Outbox(database)
    before = await outbox.lanes_due(NOW)
    await claimed(outbox, office)

    used_up = await outbox.lanes_due(NOW)
    in_time = await outbox.lanes_due(NOW + timedelta(seconds=3))

    lane = (office.connection_id, Lane.LIVE)
    assert (list(before), list(used_up), list(in_time)) == ([lane], [], [lane])


async def test_other_settings_are_woken_at_once(
    office: Allowance, store: Store, portal: Portal, database: Database
) -> None:
    await claimed(Outbox(database), office)
    async with store.portal(portal) as desk:
        await desk.settings.go_live(await desk.settings.last_default(), NOW)

    assert await Outbox(database).lanes_due(NOW) == [(portal.id, Lane.LIVE)]


async def test_a_route_tells_what_its_connection_allows(
    office: Allowance, portal: Portal, database: Database
) -> None:
    platform = Limits(connections=8, per_day=5)
    own = await Connections(database).route((portal.id, Lane.LIVE), NOW)
    system = await Connections(database).route((portal.id, Lane.SYSTEM), NOW)

    assert own is not None
    assert system is not None
    assert own.allowance(platform) == office
    assert system.allowance(platform) == Allowance(PLATFORM, 0, platform)
