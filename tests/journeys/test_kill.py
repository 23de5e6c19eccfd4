"""Killed or stopped in the middle of it: nothing is lost, and few mails arrive twice, or none."""

import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from letterhead.demo import certificate
from letterhead.demo.stand import LOGIN, end, start_upstream
from letterhead.demo.tally import arrivals
from letterhead.mail.providers import PROVIDERS
from tests.forms import message, smtp
from tests.journeys.settings import eventually
from tests.running import KEY, Platform, Portal

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
    eventually(lambda: not left(hart))  # what comes twice: after the lease of the last that died

    found = arrivals(journal)
    duplicates = sum(times - 1 for times in found.times.values())
    assert len(ids) == MESSAGES
    assert found.first.keys() >= ids
    assert duplicates <= KILLS * PROVIDERS["other"].limits.connections
    assert left(hart) == []


def left(portal: Portal) -> list[str]:
    """The ids of messages that are not sent."""
    missed = ("queued", "sending", "failed", "uncertain", "held")
    pages = [portal.call("GET", f"/messages?status={status}") for status in missed]
    return [each["id"] for page in pages for each in page["items"]]


STOPS = 3


def test_stopped_three_times_under_load_it_repeats_nothing(hart: Portal, tmp_path: Path) -> None:
    journal, ids, seconds = tmp_path / "journal", set[str](), list[float]()

    for _ in range(STOPS):
        ids |= accept(hart, 300)
        wait_for(journal, ids, len(ids) - 200)
        began = time.monotonic()
        hart.platform.stop()
        seconds.append(time.monotonic() - began)
        assert hart.platform.process.returncode == 0
        hart.platform.start()
    wait_for(journal, ids, len(ids))
    time.sleep(1)  # whatever comes twice

    found = arrivals(journal)
    assert {each: found.times[each] for each in ids} == dict.fromkeys(ids, 1)
    assert max(seconds) <= 30


def test_a_request_that_is_repeated_after_a_crash_makes_one_message(
    tmp_path: Path, database_url: str
) -> None:
    platform = Platform(tmp_path, {"LETTERHEAD_DATABASE_URL": database_url})
    portal, keys = platform.portal("hart"), [f"key-{number}" for number in range(20)]
    kept, cut = keys[:10], keys[10:]

    with ExitStack() as unanswered:  # nobody reads the answers
        for each in kept:
            unanswered.enter_context(_posted(portal, each))
        eventually(lambda: len(portal.call("GET", "/messages")["items"]) == len(kept))
        for each in cut:
            unanswered.enter_context(_posted(portal, each))
        platform.kill()
    platform.start()
    answers = {each: [_repeated(portal, each) for _ in range(5)] for each in keys}
    listed = portal.call("GET", "/messages")["items"]
    platform.stop()

    assert all(each.headers["idempotent-replayed"] == "true" for each in _first(answers, kept))
    assert {len({each.json()["id"] for each in answers[key]}) for key in keys} == {1}
    assert len(listed) == len(keys)


def _posted(portal: Portal, key: str) -> socket.socket:
    """Hand in a message, and do not wait for the answer."""
    body = json.dumps(message()).encode()
    host, _, port = portal.platform.address.removeprefix("http://").partition(":")
    head = (
        f"POST /v1/messages HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n"
        f"X-Portal: {portal.slug}\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((host, int(port)))
    connection.sendall(head.encode() + body)
    return connection


def _repeated(portal: Portal, key: str) -> httpx.Response:
    headers = {"X-Portal": portal.slug, "Idempotency-Key": key}
    answer = portal.platform.http.post(
        "/v1/messages",
        content=json.dumps(message()).encode(),
        headers={**headers, "Content-Type": "application/json"},
    )
    assert answer.status_code == httpx.codes.ACCEPTED
    return answer


def _first(
    answers: Mapping[str, Sequence[httpx.Response]], keys: Sequence[str]
) -> list[httpx.Response]:
    return [answers[each][0] for each in keys]
