"""Killed with several messages under way over each connection: nothing is lost, little repeated."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from letterhead.mail.providers import PROVIDERS
from tests.forms import message
from tests.journeys.settings import eventually, go_live_scripted
from tests.running import Platform, Portal
from tests.servers.certificates import Certificates
from tests.servers.scripted import OFFERS, Scripted

KILLS, BATCH, WINDOW = 2, 100, 4
CONNECTIONS = PROVIDERS["other"].limits.connections


@pytest.fixture
def own(tmp_path: Path, certs: Certificates, database_url: str) -> Iterator[Portal]:
    """A portal on a Letterhead that nobody else uses."""
    settings = {
        "LETTERHEAD_DATABASE_URL": database_url,
        "LETTERHEAD_ALLOW_DESTINATIONS": "127.0.0.1",
        "LETTERHEAD_CA_FILE": str(certs.authority),
    }
    platform = Platform(tmp_path, settings)
    yield platform.portal("hart")
    platform.stop()
    assert platform.errors() == []


def test_killed_with_a_window_it_loses_nothing_and_repeats_no_more_than_was_under_way(
    own: Portal, server: Scripted
) -> None:
    go_live_scripted(own, server, window=WINDOW)
    server.offers, server.delay = (*OFFERS, "CHUNKING"), 0.005
    ids: dict[str, set[str]] = {"resend": set(), "hold": set()}

    for _ in range(KILLS):
        ids["resend"] |= hand_in(own, "resend")
        ids["hold"] |= hand_in(own, "hold")
        kill_in_the_middle(own, server, sum(map(len, ids.values())))
    eventually(lambda: not {"queued", "sending"} & set(books(own).values()))

    times = arrived(server)
    unsure = {each for each, status in books(own).items() if status == "uncertain"}
    twice = {each for each, count in times.items() if count > 1}
    assert ids["resend"] | ids["hold"] <= times.keys() | unsure
    assert ids["resend"] <= times.keys()
    assert not twice & ids["hold"]
    assert not unsure & ids["resend"]
    assert sum(times[each] - 1 for each in twice) <= KILLS * CONNECTIONS * WINDOW
    assert sum(line.startswith("BDAT") for line in server.said) > len(ids["resend"]) // 2


def kill_in_the_middle(own: Portal, server: Scripted, handed_in: int) -> None:
    enough = len(server.taken) + BATCH // 2
    eventually(lambda: len(server.taken) >= enough)
    own.platform.kill()
    eventually(lambda: not server.sessions)
    assert len(arrived(server)) < handed_in
    own.platform.start()


def hand_in(own: Portal, policy: str) -> set[str]:
    messages = [message(f"Mail {at}", on_uncertain=policy) for at in range(BATCH)]
    items = own.call("POST", "/messages/batch", {"messages": messages})["items"]
    return {each["id"] for each in items}


def arrived(server: Scripted) -> Counter[str]:
    """How often each has arrived, whatever became of the answer."""
    names = (re.findall(rb"Message-ID: <(\w+)@", each.content)[0] for each in server.taken)
    return Counter(each.decode() for each in names)


def books(own: Portal) -> dict[str, str]:
    """How each stands; one look at each, since `sending` may become `queued` again."""
    found, cursor = dict[str, str](), ""
    while True:
        page = own.call("GET", f"/messages?limit=200{cursor}")
        found |= {each["id"]: each["recipients"][0]["status"] for each in page["items"]}
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"
