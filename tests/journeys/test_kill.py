"""`kill -9` in the middle of deliveries: nothing is lost, and few mails arrive twice."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from letterhead.demo import certificate
from letterhead.demo.stand import LOGIN, end, start_upstream
from letterhead.demo.tally import arrivals
from letterhead.mail.providers import PROVIDERS
from tests.forms import message, smtp
from tests.running import Platform, Portal

MESSAGES, KILLS, BATCH = 2000, 5, 50
PASSWORD = "an-upstream-of-the-tests"


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[int]:
    """A mail server that writes down what it takes before it says 250; gives its port."""
    (tmp_path / "mailbox").mkdir()
    files = certificate.made(tmp_path, "localhost")
    process, port = start_upstream(tmp_path, files, PASSWORD)
    yield port
    end(process)


@pytest.fixture
def hart(tmp_path: Path, upstream: int, database_url: str) -> Iterator[Portal]:
    """A portal whose own server is the upstream, on a Letterhead that nobody else uses."""
    platform = Platform(
        tmp_path,
        {
            "LETTERHEAD_DATABASE_URL": database_url,
            "LETTERHEAD_ALLOW_DESTINATIONS": f"127.0.0.1:{upstream}",
            "LETTERHEAD_CA_FILE": str(tmp_path / "authority.pem"),
        },
    )
    portal = platform.portal("hart")
    portal.save(
        smtp(server="localhost", port=upstream, login=LOGIN, password=PASSWORD, from_address=LOGIN)
    )
    assert portal.change("test", {"to": "anna@client.test"})["accepted"]
    code = (tmp_path / "mailbox/1.eml").read_text().split("    ")[1].split("\n")[0]
    portal.change("confirm", {"code": code.strip()})
    portal.change("switch-on")
    yield portal
    platform.stop()
    assert platform.errors() == []


def accept(portal: Portal, count: int) -> set[str]:
    """Hand in so many messages; what has an id was answered with 202."""
    ids: set[str] = set()
    for start in range(0, count, BATCH):
        messages = [message(f"Mail {at}") for at in range(start, start + BATCH)]
        items = portal.call("POST", "/messages/batch", {"messages": messages})["items"]
        ids |= {each["id"] for each in items}
    return ids


def wait_for(journal: Path, ids: set[str], count: int) -> None:
    """Wait until so many of them have arrived."""
    ends = time.monotonic() + 120
    while len(arrivals(journal).first.keys() & ids) < count:
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_killed_five_times_it_loses_nothing_and_repeats_no_more_than_was_in_flight(
    hart: Portal, tmp_path: Path
) -> None:
    journal, ids = tmp_path / "journal", set[str]()

    for _ in range(KILLS):
        ids |= accept(hart, MESSAGES // KILLS)
        wait_for(journal, ids, len(ids) - MESSAGES // KILLS // 2)
        hart.platform.kill()
        hart.platform.start()
    wait_for(journal, ids, MESSAGES)
    time.sleep(1)  # whatever comes twice

    found = arrivals(journal)
    duplicates = sum(times - 1 for times in found.times.values())
    assert len(ids) == MESSAGES
    assert found.first.keys() >= ids
    assert duplicates <= KILLS * PROVIDERS["other"].limits.connections
    for status in ("queued", "sending", "failed", "uncertain", "held"):
        assert hart.call("GET", f"/messages?status={status}")["items"] == []
