"""Long outages, quotas and blocked mailboxes: mail waits, and flows in order when it is over."""

from datetime import datetime, timedelta

import pytest

from letterhead.mail.letter import Lane, Letter, Trouble
from letterhead.mail.message import MessageClass
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.outbox import Outbox
from tests.servers.scripted import DROP, Scripted
from tests.store.conftest import NOW
from tests.transports import office
from tests.transports.conftest import MakeWay
from tests.transports.office import Office


@pytest.fixture
async def google(database: Database, way: MakeWay) -> Office:
    return await office.opened(database, way(), provider="gmail")


@pytest.fixture
async def microsoft(database: Database, way: MakeWay) -> Office:
    return await office.opened(database, way(), provider="microsoft365")


async def trouble(of: Office) -> Trouble | None:
    route = await Connections(of.database).route((of.portal.id, Lane.LIVE), of.now)
    assert route is not None
    return route.trouble


async def pass_time(of: Office, until: datetime) -> int:
    """Work whenever the connection may be tried, as the sweep would; says how often that was."""
    tries = 0
    while of.now < until:
        await Outbox(of.database).expire(of.now)
        await of.drain(Lane.LIVE)
        tries += 1
        found = await trouble(of)
        of.now = max(found.due if found else until, of.now + timedelta(seconds=1))
    return tries


def names(letters: list[Letter]) -> list[str]:
    return [to.email for each in letters for to in each.addressees]


def recipients(server: Scripted) -> list[str]:
    return [each.recipient for each in server.taken]


async def test_a_provider_that_is_down_for_six_hours_gets_its_mail_afterwards(
    google: Office, server: Scripted
) -> None:
    letter = await google.keep(100, MessageClass.BUSINESS)
    server.answers["greeting"] = DROP

    tries = await pass_time(google, NOW + timedelta(hours=6))
    waiting = await google.left(letter)
    del server.answers["greeting"]
    await google.drain(Lane.LIVE)
    left = await google.left(letter)

    assert waiting.trouble is not None
    assert not waiting.trouble.paused
    assert waiting.status == ["queued"] * 100
    assert 70 <= tries <= 80  # after 15 s, 1, 3 and then every 5 minutes
    assert left.status == ["sent"] * 100
    assert left.attempts == [1] * 100
    assert recipients(server)[0] == names([letter])[0]
    assert sorted(recipients(server)) == sorted(names([letter]))
    assert left.trouble is None


async def test_a_quota_is_waited_for_and_costs_nobody_an_attempt(
    google: Office, server: Scripted
) -> None:
    letter = await google.keep(3, MessageClass.BUSINESS)
    server.answers["RCPT"] = b"550 5.4.5 Daily user sending quota exceeded.\r\n"
    await google.drain(Lane.LIVE)
    over = await trouble(google)
    assert over is not None

    google.now = over.due - timedelta(seconds=1)
    await google.drain(Lane.LIVE)
    early = server.connections
    google.now = over.due
    del server.answers["RCPT"]
    await google.drain(Lane.LIVE)
    left = await google.left(letter)

    assert (over.fault, over.paused) == ("google-daily-limit", False)
    assert over.due >= NOW + timedelta(hours=1)
    assert early == 1
    assert (left.status, left.attempts) == (["sent"] * 3, [1] * 3)


@pytest.mark.parametrize(
    ("step", "reply", "fault"),
    [
        (
            "MAIL",
            b"554 5.1.8 Access denied, bad outbound sender\r\n",
            "mailbox-blocked-for-spam",
        ),
        ("RCPT", b"550 5.7.64 TenantAttribution; Relay Access Denied\r\n", "relay-denied"),
    ],
    ids=["mailbox blocked", "relay denied"],
)
async def test_what_a_person_must_mend_is_held_for_weeks_and_not_given_up(
    microsoft: Office, server: Scripted, step: str, reply: bytes, fault: str
) -> None:
    letter = await microsoft.keep(3, MessageClass.BUSINESS)
    server.answers[step] = reply

    tries = await pass_time(microsoft, NOW + timedelta(days=14))
    held = await microsoft.left(letter)
    del server.answers[step]
    await microsoft.drain(Lane.LIVE)
    left = await microsoft.left(letter)

    assert held.trouble is not None
    assert (held.trouble.paused, held.trouble.fault) == (True, fault)
    assert held.status == ["queued"] * 3
    assert tries <= 14 * 24 + 5  # once an hour, in the end
    assert left.status == ["sent"] * 3
    assert left.trouble is None
