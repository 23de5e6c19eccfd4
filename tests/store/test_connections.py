"""The clock of retries stands still while mail is held, however the connection is mended."""

import asyncio
import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from letterhead.actions import settings
from letterhead.mail import faults
from letterhead.mail.change import Change
from letterhead.mail.letter import PLATFORM, Lane, Letter, Route
from letterhead.mail.message import OnUncertain
from letterhead.mail.news import Kind, News
from letterhead.mail.outcome import Status, Stuck
from letterhead.mail.portal import Portal, Role
from letterhead.mail.reply import Reply, Stage
from letterhead.mail.settings import KeepPassword, SmtpSettings
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.news import NewsRows
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from tests.store.conftest import NOW, MakeLetter
from tests.store.test_outbox import LEASE, keep, statuses

REFUSED = Reply(Stage.SIGN_IN, 535, "5.7.8 Bad credentials")
STUCK = Stuck(REFUSED, faults.of(REFUSED))
BUSY = Reply(Stage.CONNECT, 421, "4.3.2 Shutting down")
SIGNS_IN = SmtpSettings(
    server="smtp.hart.test", login="office@hart.test", from_address="office@hart.test"
)
SOON, LATER = NOW + timedelta(days=1), NOW + timedelta(days=10)


@pytest.fixture
async def paused(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> Connections:
    """A connection of the portal's own that waits for a person, with one mail behind it."""
    connections = Connections(database)
    async with store.portal(portal) as desk:
        version = await desk.settings.save(SIGNS_IN, KeepPassword(), NOW)
        await desk.settings.go_live(version, NOW)
    await keep(store, portal, letter())
    route = await connections.route((portal.id, Lane.LIVE), NOW)
    assert route is not None
    await connections.failed(route, STUCK, NOW)
    return connections


async def routed(connections: Connections, portal: Portal, now: datetime) -> Route:
    """How the portal's mail goes now, and how that stands."""
    found = await connections.route((portal.id, Lane.LIVE), now)
    assert found is not None
    return found


async def resume(store: Store, portal: Portal, now: datetime) -> None:
    async with store.portal(portal) as desk:
        await settings.resume(desk, now)


async def tell(database: Database, now: datetime) -> list[Kind]:
    """What people are told now."""
    told: list[Kind] = []

    def write(news: News, portal_id: int) -> list[Letter]:
        told.append(news.kind)
        return []

    await NewsRows(database).tell(write, now)
    return told


async def expired(database: Database, at: datetime) -> int:
    return await Outbox(database).expire(at)


async def test_a_connection_that_recovers_gives_the_time_back(
    paused: Connections, portal: Portal, database: Database
) -> None:
    route = await paused.route((portal.id, Lane.LIVE), NOW)
    assert route is not None

    while_held = await expired(database, LATER)
    await paused.recovered(route, LATER)
    after = await expired(database, LATER + timedelta(days=4))
    at_last = await expired(database, LATER + timedelta(days=6))

    assert (while_held, after, at_last) == (0, 0, 1)


async def test_going_back_to_default_gives_the_time_back(
    paused: Connections, store: Store, portal: Portal, database: Database
) -> None:
    async with store.portal(portal) as desk:
        await desk.settings.go_live(await desk.settings.last_default(), LATER)
        await desk.connection.forget(LATER)

    after = await expired(database, LATER + timedelta(days=4))
    at_last = await expired(database, LATER + timedelta(days=6))

    assert (after, at_last) == (0, 1)


async def test_what_is_to_be_sent_again_has_all_its_time(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    outbox, made = Outbox(database), letter(on_uncertain=OnUncertain.HOLD)
    await keep(store, portal, made)
    [taken] = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=1, now=NOW)
    await outbox.mark_dot(taken)
    await outbox.free(NOW, everything=True)

    async with store.portal(portal) as desk:
        await desk.messages.resolve(made.id, taken.id, Status.QUEUED, LATER)
    early = await expired(database, LATER + timedelta(days=4))

    assert early == 0
    assert await statuses(store, portal, made.id) == ["queued"]
    async with store.look(portal) as desk:
        found = await desk.messages.get(made.id)
    assert found is not None
    assert found.recipients[0].settled_at is None


async def test_a_start_forgets_what_was_wrong_with_the_platform_s_route(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    connections = Connections(database)
    await keep(store, portal, letter())
    route = await connections.route((portal.id, Lane.LIVE), NOW)
    assert route is not None
    await connections.failed(route, STUCK, NOW)

    await connections.forget_platform(LATER)
    again = await connections.route((portal.id, Lane.LIVE), NOW)

    assert route.connection_id == PLATFORM
    assert again is not None
    assert again.trouble is None
    assert await expired(database, LATER + timedelta(days=4)) == 0


async def test_pauses_grow_and_the_first_fault_that_a_person_must_mend_stands(
    paused: Connections, portal: Portal
) -> None:
    route = await paused.route((portal.id, Lane.LIVE), NOW)
    assert route is not None

    again = await paused.failed(route, STUCK, SOON)
    third = await paused.failed(
        await routed(paused, portal, SOON), Stuck(BUSY, faults.of(BUSY)), SOON
    )

    assert again.paused
    assert again.due - SOON > timedelta(minutes=5)
    assert third.paused
    assert third.since == NOW


async def test_what_is_kept_back_has_its_time_given_back(
    paused: Connections, store: Store, portal: Portal, database: Database
) -> None:
    async with store.portal(portal) as desk:
        await desk.held.keep_back(NOW)
    while_kept = await expired(database, LATER)

    async with store.portal(portal) as desk:
        released = await desk.held.release(None, LATER)
    route = await paused.route((portal.id, Lane.LIVE), NOW)
    assert route is not None
    await paused.recovered(route, NOW)
    after = await expired(database, LATER + timedelta(days=4))
    at_last = await expired(database, LATER + timedelta(days=6))

    assert (while_kept, released, after, at_last) == (0, 1, 0, 1)


@pytest.mark.parametrize(
    ("people", "told"),
    [
        ([], ["office@hart.test"]),
        ([(Role.OPERATOR, "op@desk.test")], ["op@desk.test", "office@hart.test"]),
        (
            [(Role.OPERATOR, "op@desk.test"), (Role.ADMIN, "anna@hart.test")],
            ["anna@hart.test"],
        ),
        ([(Role.CONSULTANT, "it@help.test"), (Role.VIEWER, "v@hart.test")], ["office@hart.test"]),
    ],
    ids=["nobody", "operator", "admin", "others"],
)
@pytest.mark.usefixtures("paused")
async def test_the_admins_are_told_once(
    store: Store,
    portal: Portal,
    database: Database,
    people: list[tuple[Role, str]],
    told: list[str],
) -> None:
    async with store.platform() as rows:
        for role, email in people:
            of = None if role is Role.OPERATOR else portal.id
            await rows.add_person(email, role, of, NOW)
    found: list[News] = []

    def write(news: News, portal_id: int) -> list[Letter]:
        found.append(news)
        return []

    concerned = await NewsRows(database).tell(write, NOW)
    again = await NewsRows(database).tell(write, NOW)

    assert (concerned, again) == ([portal.id], [])
    assert [(each.kind, list(each.people)) for each in found] == [(Kind.PAUSED, told)]
    assert found[0].fault == STUCK.fault


async def test_a_person_who_resumes_again_and_again_causes_one_login_in_five_minutes(
    paused: Connections, store: Store, portal: Portal
) -> None:
    tries: list[timedelta] = []
    for second in range(0, 1800, 10):
        now = NOW + timedelta(seconds=second)
        await resume(store, portal, now)
        route = await routed(paused, portal, now)
        assert route.trouble is not None
        if route.trouble.due <= now:
            tries.append(now - NOW)
            await paused.failed(route, STUCK, now)

    assert tries == [timedelta(minutes=minutes) for minutes in range(0, 30, 5)]


async def test_new_settings_are_tried_at_once(
    paused: Connections, store: Store, portal: Portal
) -> None:
    await resume(store, portal, NOW)
    await paused.failed(await routed(paused, portal, NOW), STUCK, NOW)
    async with store.portal(portal) as desk:
        version = await desk.settings.save(SIGNS_IN, KeepPassword(), NOW)
        await settings._go_live(desk, version, Change.SWITCHED_ON, NOW)

    fresh = await routed(paused, portal, NOW)
    refused = await paused.failed(fresh, STUCK, NOW)
    await resume(store, portal, NOW)
    resumed = await routed(paused, portal, NOW)

    assert fresh.trouble is None
    assert refused.due == NOW + timedelta(minutes=5)
    assert resumed.trouble is not None
    assert resumed.trouble.due == NOW


async def test_a_relay_without_a_login_is_tried_as_often_as_a_person_wants(
    paused: Connections, store: Store, portal: Portal
) -> None:
    async with store.portal(portal) as desk:
        version = await desk.settings.save(replace(SIGNS_IN, login=""), KeepPassword(), NOW)
        await desk.settings.go_live(version, NOW)
    found: list[datetime] = []
    for second in (1, 2, 3):
        now = NOW + timedelta(seconds=second)
        await paused.failed(await routed(paused, portal, now), STUCK, now)
        await resume(store, portal, now)
        trouble = (await routed(paused, portal, now)).trouble
        assert trouble is not None
        found.append(trouble.due)

    assert found == [NOW + timedelta(seconds=second) for second in (1, 2, 3)]


async def test_bursts_that_fail_at_the_same_time_fail_once_and_people_are_told_once(
    store: Store, portal: Portal, database: Database
) -> None:
    workers = [Connections(database), Connections(Database(database.url))]
    async with store.portal(portal) as desk:
        version = await desk.settings.save(SIGNS_IN, KeepPassword(), NOW)
        await desk.settings.go_live(version, NOW)
    route = await routed(workers[0], portal, NOW)

    await asyncio.gather(*(workers[at % 2].failed(route, STUCK, NOW) for at in range(8)))
    after = (await routed(workers[0], portal, NOW)).trouble
    told = [await tell(database, NOW), await tell(database, NOW)]
    await workers[1]._database.close()

    assert after is not None
    assert (after.failures, after.due) == (1, NOW + timedelta(minutes=5))
    assert told == [[Kind.PAUSED], []]


async def test_bursts_of_all_portals_that_fail_on_the_platform_s_route_fail_once(
    store: Store, portal: Portal, database: Database
) -> None:
    connections = Connections(database)
    route = await routed(connections, portal, NOW)

    await asyncio.gather(*(connections.failed(route, STUCK, NOW) for _ in range(8)))
    after = (await routed(connections, portal, NOW)).trouble

    assert after is not None
    assert (after.failures, after.paused) == (1, True)


async def test_what_a_person_must_mend_pauses_though_another_burst_only_found_it_busy(
    store: Store, portal: Portal, database: Database
) -> None:
    connections = Connections(database)
    route = await routed(connections, portal, NOW)

    await connections.failed(route, Stuck(BUSY, faults.of(BUSY)), NOW)
    found = await connections.failed(route, STUCK, NOW)

    assert found.paused


async def test_a_burst_with_settings_of_yesterday_pauses_nothing(
    paused: Connections, store: Store, portal: Portal, database: Database
) -> None:
    old = await routed(paused, portal, NOW)
    assert await tell(database, NOW) == [Kind.PAUSED]
    async with store.portal(portal) as desk:
        version = await desk.settings.save(SIGNS_IN, KeepPassword(), NOW)
        await settings._go_live(desk, version, Change.SWITCHED_ON, NOW)

    await paused.failed(replace(old, trouble=None), STUCK, NOW)

    assert (await routed(paused, portal, NOW)).trouble is None
    assert await tell(database, NOW) == [Kind.CHANGED, Kind.RECOVERED]


async def test_people_are_not_told_each_time_that_a_server_comes_and_goes(
    paused: Connections, portal: Portal, database: Database
) -> None:
    told: list[tuple[int, Kind]] = []
    for minute in range(0, 180, 10):
        now = NOW + timedelta(minutes=minute)
        route = await routed(paused, portal, now)
        told += [(minute, kind) for kind in await tell(database, now)]
        if route.trouble:
            await paused.recovered(route, now + timedelta(minutes=1))
        else:
            await paused.failed(route, STUCK, now)

    stops = [minute for minute, kind in told if kind is Kind.PAUSED]
    assert [kind for _, kind in told] == [Kind.PAUSED, Kind.RECOVERED] * 3
    assert all(later - before >= 60 for before, later in itertools.pairwise(stops))


async def test_a_server_that_stays_away_is_told_of_though_it_came_back_a_moment_ago(
    paused: Connections, portal: Portal, database: Database
) -> None:
    await tell(database, NOW)
    await paused.recovered(await routed(paused, portal, NOW), NOW)
    await tell(database, NOW)
    soon = NOW + timedelta(minutes=1)

    await paused.failed(await routed(paused, portal, soon), STUCK, soon)

    assert await tell(database, NOW + timedelta(minutes=59)) == []
    assert await tell(database, NOW + timedelta(minutes=60)) == [Kind.PAUSED]
    assert await tell(database, LATER) == []
