"""PostgreSQL as the database: it is killed under load, and it is not made ready by accident."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Self

import httpx
import pytest

from letterhead.mail.letter import Lane
from letterhead.mail.message import OnUncertain
from letterhead.mail.portal import Ids
from letterhead.mail.providers import PROVIDERS
from letterhead.store.database import Database
from letterhead.store.keys import new_key
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.vault import Vault
from tests.conftest import open_folder
from tests.forms import message
from tests.journeys.settings import eventually, go_live_scripted
from tests.running import Platform, Portal
from tests.servers import postgresql
from tests.servers.certificates import Certificates
from tests.servers.postgresql import UNWRITTEN, PostgreSQL
from tests.servers.scripted import Scripted
from tests.store.conftest import NOW, letter_of
from tests.store.test_outbox import LEASE, keep, statuses
from tests.test_cli import Done

KILLS = 3


@pytest.fixture
def own() -> Iterator[PostgreSQL]:
    """A server of this test's own, which flushes as in real life."""
    postgresql.demand()
    server = postgresql.start(open_folder("postgresql"), quick=False)
    yield server
    server.end()


async def test_that_a_final_dot_comes_next_is_known_after_a_crash(own: PostgreSQL) -> None:
    """What waits for a person when unsure is marked on disk, or it would go twice."""
    database = Database(own.made())
    await database.migrate()
    key = new_key()
    store, outbox = Store(database, Vault(lambda: [key])), Outbox(database)
    async with store.platform() as rows:
        hart = await rows.add_portal("hart", "Hart & Co", NOW)
    await keep(store, hart, letter_of(hart, Ids(), on_uncertain=OnUncertain.HOLD))
    [claim] = await outbox.claim((hart.id, Lane.LIVE), LEASE, limit=1, now=NOW)

    assert await outbox.mark_dot(claim)
    own.kill()
    own.start()

    await database.close()
    after = Database(database.url)
    found = Store(after, Vault(lambda: [key]))
    assert await Outbox(after).free(LEASE[1] + timedelta(seconds=1)) == 1
    assert await statuses(found, hart, claim.message_id) == ["uncertain"]
    await after.close()


class Load:
    """Somebody who hands in one message after the other, and repeats what was not taken."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.accepted: list[str] = []
        self.refused: list[int] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            answer = self._portal.ask("POST", "/messages", message(f"Mail {len(self.accepted)}"))
            if answer.status_code == httpx.codes.ACCEPTED:
                self.accepted.append(answer.json()["id"])
            else:
                self.refused.append(answer.status_code)
                time.sleep(0.05)

    def wait_for(self, count: int, seconds: float) -> None:
        """Wait until so many more were accepted."""
        wanted, ends = len(self.accepted) + count, time.monotonic() + seconds
        while len(self.accepted) < wanted:
            assert time.monotonic() < ends, f"{len(self.accepted)}, refused: {self.refused[-3:]}"
            time.sleep(0.02)


def test_killed_under_load_it_loses_nothing_and_mail_flows_again(
    own: PostgreSQL, tmp_path: Path
) -> None:
    url = own.made()
    assert Done(tmp_path / "data", "migrate", LETTERHEAD_DATABASE_URL=url).code == 0
    platform = Platform(tmp_path, {"LETTERHEAD_DATABASE_URL": url})
    portal, ready = platform.portal("hart"), list[int]()

    with Load(portal) as load:
        for _ in range(KILLS):
            load.wait_for(50, seconds=30)
            own.kill()
            time.sleep(1)
            ready.append(platform.http.get("/readyz").status_code)
            own.start()
            load.wait_for(1, seconds=10)
    for each in load.accepted:
        portal.wait_for(each, "captured")
    platform.stop()

    assert ready == [503] * KILLS
    assert set(load.refused) == {503}
    assert len(platform.captured()) >= len(load.accepted)
    assert platform.errors() == []


def test_without_its_database_it_sends_nothing_and_goes_on_soon_when_it_is_back(
    own: PostgreSQL, tmp_path: Path, settings: dict[str, str], server: Scripted
) -> None:
    url = own.made()
    assert Done(tmp_path / "data", "migrate", LETTERHEAD_DATABASE_URL=url).code == 0
    platform = Platform(tmp_path, {**settings, "LETTERHEAD_DATABASE_URL": url})
    portal = platform.portal("hart")
    go_live_scripted(portal, server)
    server.delay = 0.05
    batch = {"messages": [message(f"Mail {number}") for number in range(300)]}
    ids = [each["id"] for each in portal.call("POST", "/messages/batch", batch)["items"]]

    unwritten = sum(_without_its_database(own, server) for _ in range(2))
    server.delay = 0
    eventually(lambda: len(set(subjects(server))) == len(ids))
    for status in ("queued", "sending"):
        eventually(lambda: not portal.call("GET", f"/messages?status={status}")["items"])  # noqa: B023
    platform.stop()

    twice = len(server.taken) - len(set(subjects(server)))
    assert len(set(subjects(server))) == len(ids)
    assert twice <= 2 * PROVIDERS["other"].limits.connections + unwritten
    assert platform.errors() == []


def _without_its_database(own: PostgreSQL, server: Scripted) -> int:
    """Kill it while mail flows, and start it; gives how many outcomes may have gone with it."""
    _wait_for_more(server, 20, seconds=30)
    before = len(server.taken)
    time.sleep(UNWRITTEN)
    own.kill()
    unwritten = len(server.taken) - before
    time.sleep(1)
    stopped = len(server.taken)
    time.sleep(2)
    assert len(server.taken) == stopped
    own.start()
    _wait_for_more(server, 1, seconds=10)
    return unwritten


def _wait_for_more(server: Scripted, count: int, seconds: float) -> None:
    wanted, ends = len(server.taken) + count, time.monotonic() + seconds
    while len(server.taken) < wanted:
        assert time.monotonic() < ends
        time.sleep(0.05)


def subjects(server: Scripted) -> list[str]:
    lines = [each.content.decode().split("\r\nSubject: ")[1] for each in server.taken]
    return [each.split("\r\n")[0] for each in lines]


def test_tables_are_not_made_by_a_start(own: PostgreSQL, tmp_path: Path) -> None:
    url = own.made()

    refused = Done(tmp_path, "serve", LETTERHEAD_DATABASE_URL=url)
    doctor = Done(tmp_path, "portal", "list", LETTERHEAD_DATABASE_URL=url)

    for each in (refused, doctor):
        assert (each.code, each.out) == (1, "")
        assert each.err == (
            "letterhead: The tables of the database are not up to date: run `letterhead migrate`"
            " first.\n"
        )


def test_a_file_is_served_by_one_process(tmp_path: Path) -> None:
    platform = Platform(tmp_path, {})

    second = Done(tmp_path / "data", "serve")
    platform.stop()

    assert second.code == 1
    assert second.err == "letterhead: Another process serves this database already.\n"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://127.0.0.1:9/letterhead", "refused"),
        ("postgresql://nowhere.invalid/letterhead", "resolve"),
        ("sqlite:////nowhere/letterhead.db", "/nowhere No such file"),
        ("mysql://127.0.0.1/letterhead", "LETTERHEAD_DATABASE_URL"),
    ],
)
def test_a_database_that_is_not_there_is_one_line(tmp_path: Path, url: str, says: str) -> None:
    refused = Done(tmp_path, "serve", LETTERHEAD_DATABASE_URL=url)

    assert refused.code == 1
    assert refused.err.count("\n") == 1
    assert says in refused.err


def everything(platform: Platform, portal: Portal) -> list[object]:
    """What the doors show of an installation."""
    messages = portal.call("GET", "/messages")["items"]
    events = [portal.call("GET", f"/messages/{each['id']}/events") for each in messages]
    lists = [portal.call("GET", path) for path in ("/suppressions", "/portals")]
    return [messages, events, lists, portal.settings(), platform.http.get("/v1/portals").json()]


@pytest.fixture
def settings(certs: Certificates) -> dict[str, str]:
    return {
        "LETTERHEAD_ALLOW_DESTINATIONS": "127.0.0.1",
        "LETTERHEAD_CA_FILE": str(certs.authority),
    }


def told(portal: Portal) -> list[str]:
    """The subjects of what people were told."""
    return [each["subject"] for each in portal.call("GET", "/messages?status=captured")["items"]]


@pytest.fixture
def on_sqlite(tmp_path: Path, server: Scripted, settings: dict[str, str]) -> Portal:
    """A portal with mail that was sent, that failed, and that is held."""
    portal = Platform(tmp_path, settings).portal("hart", "Hart & C\u00f6")
    go_live_scripted(portal, server)
    server.answers["RCPT"] = b"550 5.1.1 User unknown\r\n"
    portal.wait_for(portal.send(message("Fails", to=[{"email": "gone@client.test"}])), "failed")
    server.answers.clear()
    portal.wait_for(portal.send(message("Arrives \u2713")), "sent")
    server.answers["AUTH"] = b"535 5.7.8 Bad credentials\r\n"
    for each in list(server.sessions):
        each.close()
    portal.wait_for(portal.send(message("Waits")), "held")
    eventually(lambda: any("does not take mail" in each for each in told(portal)))
    return portal


def test_an_installation_moves_from_sqlite(
    own: PostgreSQL, tmp_path: Path, on_sqlite: Portal, settings: dict[str, str], server: Scripted
) -> None:
    before, url = everything(on_sqlite.platform, on_sqlite), own.made()
    words = ("migrate", "--json", "--copy-from", f"sqlite:///{tmp_path}/data/letterhead.db")
    busy = Done(tmp_path / "data", *words, LETTERHEAD_DATABASE_URL=url)
    on_sqlite.platform.stop()

    moved = Done(tmp_path / "data", *words, LETTERHEAD_DATABASE_URL=url)
    again = Done(tmp_path / "data", *words, LETTERHEAD_DATABASE_URL=url)
    there = Portal(Platform(tmp_path, {**settings, "LETTERHEAD_DATABASE_URL": url}), "hart")
    after = everything(there.platform, there)
    goes_on(there, server)
    there.platform.stop()

    assert (busy.code, "stop it first" in busy.err) == (1, True)
    assert (again.code, "already" in again.err) == (1, True)
    assert moved.code == 0
    assert {each["table"]: each["rows"] for each in json.loads(moved.out)}["message"] >= 4
    assert after == before


def goes_on(portal: Portal, server: Scripted) -> None:
    """Held mail flows, new mail is taken, and new portals get numbers that nobody has."""
    [waiting] = portal.call("GET", "/messages?status=held")["items"]
    del server.answers["AUTH"]
    portal.change("resume")
    portal.wait_for(waiting["id"], "sent")
    portal.wait_for(portal.send(message("Fresh")), "sent")
    portal.platform.portal("another")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("sqlite:////nowhere/letterhead.db", "no SQLite file"),
        ("postgresql://127.0.0.1/x", "no SQLite file"),
    ],
)
def test_what_cannot_be_copied_is_one_line(
    own: PostgreSQL, tmp_path: Path, source: str, says: str
) -> None:
    url = own.made()

    refused = Done(tmp_path, "migrate", "--copy-from", source, LETTERHEAD_DATABASE_URL=url)

    assert (refused.code, refused.err.count("\n"), says in refused.err) == (1, 1, True)


def test_sqlite_is_not_copied_into_sqlite(tmp_path: Path) -> None:
    Done(tmp_path, "migrate")

    refused = Done(tmp_path, "migrate", "--copy-from", f"sqlite:///{tmp_path / 'letterhead.db'}")

    assert refused.code == 1
    assert "PostgreSQL" in refused.err
