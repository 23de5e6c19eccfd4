"""A portal whose mail comes back too often is warned, then paused, and let go by a person."""

from datetime import timedelta
from functools import partial

import pytest

from letterhead.actions import settings
from letterhead.actions.reputation import Reputation
from letterhead.mail.change import Change
from letterhead.mail.letter import Lane, Trouble
from letterhead.mail.portal import Portal
from letterhead.mail.settings import KeepPassword, SesSettings, Settings
from letterhead.store import tally
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.dialect import insert_new
from letterhead.store.store import Store
from letterhead.store.suppressions import Reason
from letterhead.store.tables import suppression
from tests.store.conftest import NOW
from tests.store.test_connections import SIGNS_IN

SHARED = SesSettings(region="eu-west-1", from_address="office@hart.test", account="operator")
OWN = SesSettings(
    region="eu-west-1",
    from_address="office@hart.test",
    account="role",
    role_arn="arn:aws:iam::123456789012:role/letterhead",
)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def reputation(store: Store, database: Database) -> Reputation:
    return Reputation(store, Connections(database), lambda: NOW)


async def live(store: Store, portal: Portal, of: Settings) -> None:
    async with store.portal(portal) as desk:
        await desk.settings.go_live(await desk.settings.save(of, KeepPassword(), NOW), NOW)


async def bounce(database: Database, portal: Portal, *, sent: int, bounced: int) -> None:
    """Mails of today, and how many of them came back."""
    happened = [(portal.id, NOW, tally.SENT)] * sent
    shared = {"portal_id": portal.id, "reason": Reason.BOUNCED.value, "at": NOW}
    rows = [{**shared, "email": f"gone{at}@client.test"} for at in range(bounced)]
    await database.settling(partial(tally.count, happened=happened))
    async with database.settle() as writing:
        await writing.execute(insert_new(writing.dialect, suppression), rows)


async def trouble(store: Store, portal: Portal) -> Trouble | None:
    async with store.look(portal) as desk:
        found = await desk.connection.trouble()
    return found[0] if found else None


async def history(store: Store, portal: Portal) -> list[str]:
    async with store.look(portal) as desk:
        return [row.what for row in await desk.changes.find(before=None, limit=10)]


async def test_first_a_warning_once_then_a_pause(
    store: Store, portal: Portal, database: Database, reputation: Reputation
) -> None:
    await live(store, portal, SHARED)
    await bounce(database, portal, sent=1_000, bounced=40)
    await reputation.judge(portal.id)
    await reputation.judge(portal.id)
    warned = await history(store, portal), await trouble(store, portal)
    await bounce(database, portal, sent=0, bounced=100)
    await reputation.judge(portal.id)
    paused = await trouble(store, portal)

    assert warned == (["warned"], None)
    assert paused
    assert (paused.paused, paused.fault) == (True, "ses-too-many-bounces")
    assert paused.due >= NOW + timedelta(days=1)


async def test_who_lets_mail_go_on_has_a_day(
    store: Store, portal: Portal, database: Database, reputation: Reputation
) -> None:
    await live(store, portal, SHARED)
    await bounce(database, portal, sent=100, bounced=50)
    await reputation.judge(portal.id)
    async with store.portal(portal) as desk:
        await settings.resume(desk, NOW)
    route = await Connections(database).route((portal.id, Lane.LIVE), LATER)
    assert route
    await Connections(database).recovered(route, LATER)

    await reputation.judge(portal.id)

    assert Change.RESUMED.name.lower() in await history(store, portal)
    assert await trouble(store, portal) is None


@pytest.mark.parametrize("of", [SIGNS_IN, OWN], ids=["smtp", "own account"])
async def test_who_sends_by_another_account_harms_nobody(
    store: Store, portal: Portal, database: Database, reputation: Reputation, of: Settings
) -> None:
    await live(store, portal, of)
    await bounce(database, portal, sent=100, bounced=50)

    await reputation.judge(portal.id)

    assert await trouble(store, portal) is None
    assert await history(store, portal) == []
