"""The clock of retries stands still while mail is held, however the connection is mended."""

from datetime import datetime, timedelta

import pytest

from letterhead.mail import faults
from letterhead.mail.letter import PLATFORM, Lane, Letter
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
SOON, LATER = NOW + timedelta(days=1), NOW + timedelta(days=10)


@pytest.fixture
async def paused(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> Connections:
    """A connection of the portal's own that waits for a person, with one mail behind it."""
    connections = Connections(database)
    async with store.portal(portal) as desk:
        draft = SmtpSettings(server="smtp.hart.test", from_address="office@hart.test")
        version = await desk.settings.save(draft, KeepPassword(), NOW)
        await desk.settings.go_live(version, NOW)
    await keep(store, portal, letter())
    route = await connections.route((portal.id, Lane.LIVE), NOW)
    assert route is not None
    await connections.failed(route, STUCK, NOW)
    return connections


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
    busy = Reply(Stage.CONNECT, 421, "4.3.2 Shutting down")

    again = await paused.failed(route, STUCK, SOON)
    third = await paused.failed(route, Stuck(busy, faults.of(busy)), SOON)

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

    concerned = await NewsRows(database).tell(write)
    again = await NewsRows(database).tell(write)

    assert (concerned, again) == ([portal.id], [])
    assert [(each.kind, list(each.people)) for each in found] == [(Kind.PAUSED, told)]
    assert found[0].fault == STUCK.fault
