"""
Killed, or stopped for longer than a lease, at every failpoint: nothing is lost, little comes twice.

Each has an installation of its own. They run side by side, since leases take their time to end.
"""

import asyncio
import signal
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, update

from letterhead.failpoints import FAILPOINTS
from letterhead.mail.letter import Addressee, Lane
from letterhead.mail.outcome import Sent, Status
from letterhead.mail.portal import Ids, Scope
from letterhead.mail.portal import Portal as Owner
from letterhead.mail.reply import Reply, Stage
from letterhead.store import letters
from letterhead.store.database import Database
from letterhead.store.history import AT_ONCE
from letterhead.store.outbox import Outbox
from letterhead.store.tables import body, message, portal, webhook
from tests import forms
from tests.journeys.settings import eventually, go_live_scripted
from tests.mortal import MAILS, SEATS, TERM, Site
from tests.plant import Plant
from tests.servers import receiver
from tests.servers.certificates import Certificates
from tests.servers.postgresql import PostgreSQL
from tests.servers.scripted import Scripted, running
from tests.store.conftest import letter_of
from tests.submission.clients import Access, Letter, with_smtplib

SIDE_BY_SIDE = 4
WRONG_LOGIN = b"535 5.7.8 Bad credentials\r\n"
OLD = datetime.now(UTC) - timedelta(days=100)  # noqa: TID251 - of a service that runs now

Story = Callable[[Site], None]


# ------------------------------------------------------------ mail on its way


def dies_on_the_way(site: Site, failpoint: str, twice: int) -> None:
    site.start(failpoint)
    answered = site.hand_in()
    site.dies()
    site.start()
    kept = site.books()
    ids = site.handed_in()
    site.claims_come_back()

    assert len(kept) == (0 if failpoint in {"laid:kill", "accepting:kill"} else MAILS)
    assert answered in ([], ids)
    site.all_is_well(ids, twice=twice)


def dies_behind_smtp(site: Site) -> None:
    """What had no 250 was on disk all the same."""
    chain = str(site.certs.chain("good"))
    tls = {"LETTERHEAD_TLS_CERT_FILE": chain, "LETTERHEAD_TLS_KEY_FILE": chain}
    port = site.start("accepted:kill", **tls).http.get("/healthz").json()["submission"]["starttls"]
    access = Access(
        port,
        implicit=False,
        authority=site.certs.authority,
        slug="hart",
        key=site.hart.key(Scope.SEND),
    )

    outcome = with_smtplib(access, Letter("Mail by SMTP", ["anna@client.test"]), site.folder)
    site.dies()
    site.start()
    [kept] = site.books()
    site.hart.wait_for(kept, "sent")

    assert not outcome.ok
    assert site.arrived([kept]) == {kept: 1}


def sleeps_beside_another(site: Site, failpoint: str) -> None:
    """Others send what it had claimed, and when it wakes it sends nothing."""
    asleep = site.start(failpoint)
    site.hand_in()
    site.start()
    ids = site.handed_in()
    site.all_is_well(ids, twice=SEATS)
    before = site.arrived(ids)

    asleep.process.send_signal(signal.SIGCONT)
    time.sleep(2)
    asleep.stop()

    assert site.arrived(ids) == before
    assert asleep.process.returncode == 0


def sleeps_alone(site: Site, failpoint: str) -> None:
    asleep = site.start(failpoint)
    site.hand_in()
    time.sleep(TERM)
    asleep.process.send_signal(signal.SIGCONT)

    site.all_is_well(site.handed_in(), twice=SEATS)


# ------------------------------------------------------------ everything else


def dies_while_it_frees(site: Site) -> None:
    """Who clears up behind a dead worker dies, too."""
    site.start("claimed:kill")
    site.hand_in()
    site.dies()
    site.dies_by_itself("freed:kill")
    site.start()
    site.claims_come_back()

    site.all_is_well(site.handed_in())


def dies_while_a_connection_fails_and_recovers(site: Site) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(site.certs.chain("good"))
    with running(Scripted(tls=tls)) as server:
        tilt = site.start().portal("tilt")
        go_live_scripted(tilt, server)
        server.answers["AUTH"] = WRONG_LOGIN
        site.platform.kill()
        tilt.platform = site.start("troubled:kill")
        with suppress(httpx.HTTPError):  # it may die before it answers
            tilt.send(forms.message("Mail"))
        site.dies()
        tilt.platform = site.start()
        [sent] = [
            each["id"]
            for each in tilt.call("GET", "/messages")["items"]
            if each["subject"] == "Mail"
        ]
        tilt.wait_for(sent, "held")
        server.answers.clear()
        site.platform.kill()
        tilt.platform = site.start("troubled:kill")
        with suppress(httpx.HTTPError):
            tilt.change("resume")
        site.dies()
        tilt.platform = site.start()
        eventually(lambda: tilt.settings()["connection"]["state"] == "active")

        assert tilt.statuses(sent) == ["sent"]
        assert len(server.taken) == 1


def dies_while_the_key_turns(site: Site) -> None:
    """The ring has one key more than it needs; everything can be opened and sealed."""
    site.start()
    died = site.command("rotate-key", failpoint="turning:kill")
    site.all_is_well(site.handed_in("before"))
    turned = site.command("rotate-key")
    dropped = site.command("rotate-key", "--drop-old")
    site.platform.kill()
    site.start()

    site.all_is_well(site.handed_in("after"))
    assert (died.code, turned.code, dropped.code) == (-signal.SIGKILL, 0, 0)
    assert len((site.folder / "data/secret.key").read_text().split()) == 1


def dies_while_it_forgets(site: Site) -> None:
    before = asyncio.run(counted(site.url))
    asyncio.run(remember(site.url, AT_ONCE + 1))
    site.dies_by_itself("forgotten:kill")
    left = asyncio.run(counted(site.url))
    site.start()
    eventually(lambda: asyncio.run(counted(site.url)) == before)

    assert left == {"body": before["body"] + 1, "message": before["message"] + AT_ONCE + 1}
    site.all_is_well(site.handed_in())


def dies_while_it_calls(site: Site) -> None:
    """What a receiver may have heard is told again, by the same number."""
    with receiver.running(site.certs.chain("good")) as hears:
        site.start()
        url, wants = f"https://localhost:{hears.port}/", ["sent", "uncertain"]
        site.hart.call("POST", "/webhooks", {"url": url, "events": wants})
        site.platform.kill()
        site.start("called:kill")
        site.hand_in()
        site.dies()
        heard = {each.headers["webhook-id"] for each in hears.posts}
        site.start()
        ids = site.handed_in()
        site.all_is_well(ids, twice=SEATS)
        asyncio.run(let_two_minutes_pass(site.url))
        eventually(lambda: site.hart.call("GET", "/webhooks")["items"][0]["waiting"] == 0)

        numbers = [each.headers["webhook-id"] for each in hears.posts]
        assert heard
        assert len(set(numbers)) == MAILS
        assert {each for each in numbers if numbers.count(each) > 1} == heard


async def remember(url: str, count: int) -> None:
    """Keep mails that were sent long ago."""
    database, ids = Database(url), Ids()
    async with database.read() as reading:
        number = await reading.scalar(select(portal.c.id).where(portal.c.slug == "hart"))
    owner, lease = Owner(number or 0, "hart", "Hart", OLD), ("long ago", OLD + timedelta(hours=1))
    old = [
        letter_of(
            owner,
            ids,
            id=ids.new(OLD),
            created_at=OLD,
            due=OLD,
            addressees=(Addressee(ids.new(OLD), "anna@client.test"),),
        )
        for _ in range(count)
    ]
    await database.accepting(partial(letters.add, submitted=old))
    outbox, taken = Outbox(database), Sent(Reply(Stage.MESSAGE, 250, "Ok"), Status.SENT)
    claims = await outbox.claim((owner.id, Lane.LIVE), lease, limit=count, now=OLD)
    await outbox.settle([(each, taken, OLD) for each in claims])
    await database.close()


async def counted(url: str) -> Mapping[str, int]:
    """How many bodies and messages there are."""
    database = Database(url)
    async with database.read() as reading:
        found = {
            each.name: await reading.scalar(select(func.count()).select_from(each)) or 0
            for each in (body, message)
        }
    await database.close()
    return found


async def let_two_minutes_pass(url: str) -> None:
    """As far as calls are concerned: the lease of the dead one ends."""
    database = Database(url)
    async with database.settle() as writing:
        await writing.execute(update(webhook).values(due=datetime.now(UTC)))  # noqa: TID251 - as above
    await database.close()


# ------------------------------------------------------------ all of them, on both

# With what may come twice: nothing, where nothing else can be on the wire.
ON_THE_WAY = {
    "laid:kill": 0,
    "accepting:kill": 0,
    "accepted:kill": 0,
    "claimed:kill": 0,
    "loaded:kill": 0,
    "opened:kill": 0,
    "unmarked:kill": 0,
    "unmarked:kill:9": SEATS,
    "marked:kill": 0,
    "marked:kill:9": SEATS,
    "dotted:kill:9": SEATS,
    "replied:kill:9": SEATS,
    "settling:kill:2": SEATS,
    "settled:kill:2": SEATS,
}
EVERYWHERE: Mapping[str, Story] = {
    **{
        failpoint: partial(dies_on_the_way, failpoint=failpoint, twice=twice)
        for failpoint, twice in ON_THE_WAY.items()
    },
    "accepted:kill by SMTP": dies_behind_smtp,
    "freed:kill": dies_while_it_frees,
    "troubled:kill": dies_while_a_connection_fails_and_recovers,
    "turning:kill": dies_while_the_key_turns,
    "forgotten:kill": dies_while_it_forgets,
    "called:kill": dies_while_it_calls,
}
ASLEEP = ("claimed:stop", "unmarked:stop:9", "marked:stop:9", "settling:stop")
STORIES: Mapping[str, Mapping[str, Story]] = {
    "sqlite": {**EVERYWHERE, "marked:stop:9": partial(sleeps_alone, failpoint="marked:stop:9")},
    "postgresql": {
        **{each: partial(sleeps_beside_another, failpoint=each) for each in ASLEEP},
        **EVERYWHERE,
        "seated:kill": partial(dies_on_the_way, failpoint="seated:kill", twice=0),
    },
}


@pytest.fixture(params=STORIES)
def database(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def made(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, certs: Certificates
) -> Iterator[Callable[[str], Site]]:
    """Makes installations, with a portal that is switched on."""
    postgres: PostgreSQL | None = None
    if database == "postgresql":
        postgres = request.getfixturevalue("postgres")
    url = postgres.made("migrated") if postgres else f"sqlite:///{tmp_path}/data/letterhead.db"
    plant = Plant(tmp_path, url, whole=True)
    for each in (plant.hart, plant.orla):  # people were told that it was switched on
        eventually(lambda: each.call("GET", "/messages?status=captured")["items"])  # noqa: B023
    plant.web.stop()

    def make(name: str) -> Site:
        folder = tmp_path / name
        folder.mkdir()
        return Site(plant, certs, folder, postgres.made(plant.database) if postgres else "")

    yield make
    plant.end()


def test_wherever_it_dies_or_sleeps_nothing_is_lost(
    database: str, made: Callable[[str], Site], subtests: pytest.Subtests
) -> None:
    def told(name: str, story: Story) -> None:
        with made(name) as site:
            story(site)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as side_by_side:
        stories = STORIES[database].items()
        ends = {name: side_by_side.submit(told, name, story) for name, story in stories}
        for name, end in ends.items():
            with subtests.test(name):
                end.result()
    assert not [name for name, end in ends.items() if end.exception()]


@pytest.mark.parametrize(("kind", "never"), [("sqlite", {"seated"}), ("postgresql", set())])
def test_every_failpoint_has_its_story(kind: str, never: set[str]) -> None:
    assert {each.partition(":")[0] for each in STORIES[kind]} == FAILPOINTS.keys() - never
