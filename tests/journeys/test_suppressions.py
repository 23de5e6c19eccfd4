"""Whom a server does not know is not written to, until a person or a success says otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.forms import message
from tests.journeys.conftest import ON_BOTH
from tests.journeys.settings import go_live_scripted
from tests.running import Portal
from tests.servers.scripted import Scripted

pytestmark = ON_BOTH

GONE = [{"email": "Gone@client.test"}]


@pytest.fixture
def live(hart: Portal, server: Scripted) -> Portal:
    """A portal that sends by a server which does not know its recipients."""
    go_live_scripted(hart, server)
    server.answers["RCPT"] = b"550 5.1.1 User unknown\r\n"
    return hart


def suppressed(hart: Portal) -> list[str]:
    return [each["email"] for each in hart.call("GET", "/suppressions")["items"]]


def test_an_unknown_mailbox_is_not_written_to_again(live: Portal, server: Scripted) -> None:
    failed = live.wait_for(live.send(message(to=GONE)), "failed")
    tried = sum(line.startswith("RCPT") for line in server.said)

    accepted = live.call("POST", "/messages", message(to=GONE))
    again = live.message(accepted["id"])
    events = live.call("GET", f"/messages/{accepted['id']}/events")["items"]

    [listed] = live.call("GET", "/suppressions")["items"]
    assert (listed["email"], listed["reason"]) == ("gone@client.test", "failed")
    assert listed["message"] == failed["id"]
    assert listed["fault"]["reply"]["code"] == 550
    assert [each["status"] for each in accepted["recipients"]] == ["suppressed"]
    assert again["recipients"][0]["fault"]["code"] == listed["fault"]["code"]
    assert [each["kind"] for each in events] == ["accepted", "suppressed"]
    assert sum(line.startswith("RCPT") for line in server.said) == tried


@pytest.mark.parametrize(
    "reply",
    [b"550 5.7.1 Looks like spam\r\n", b"552 5.2.2 Mailbox full\r\n", b"554 5.4.0 No\r\n"],
    ids=["spam", "full", "other"],
)
def test_other_refusals_suppress_nobody(live: Portal, server: Scripted, reply: bytes) -> None:
    server.answers["RCPT"] = reply

    live.send(message(to=GONE))
    live.wait_for(live.send(message(to=[{"email": "anna@client.test"}])), "failed", "queued")

    assert suppressed(live) == []


@pytest.mark.parametrize(
    "path", ["/suppressions/GONE@client.test", "/suppressions?email=gone@client.test"]
)
def test_a_person_lets_an_address_go(live: Portal, server: Scripted, path: str) -> None:
    live.wait_for(live.send(message(to=GONE)), "failed")
    del server.answers["RCPT"]

    answer = live.ask("DELETE", path)
    sent = live.wait_for(live.send(message(to=GONE)), "sent")

    assert answer.status_code == 204
    assert sent["recipients"][0]["email"] == "Gone@client.test"
    assert live.refused("DELETE", path)["status"] == 404


def test_a_person_suppresses_an_address(hart: Portal) -> None:
    added = hart.call("POST", "/suppressions", {"email": "Anna@client.test"})
    twice = hart.call("POST", "/suppressions", {"email": "anna@client.test"})
    accepted = hart.call("POST", "/messages", message(cc=[{"email": "ben@client.test"}]))
    found = hart.wait_for(accepted["id"])

    assert (added["reason"], added["fault"]) == ("manual", None)
    assert twice == added
    assert [each["status"] for each in accepted["recipients"]] == ["suppressed", "queued"]
    assert [each["status"] for each in found["recipients"]] == ["suppressed", "captured"]


def test_what_the_platform_says_itself_goes_to_everybody(hart: Portal) -> None:
    hart.call("POST", "/suppressions", {"email": "anna@client.test"})

    accepted = hart.call("POST", "/messages", message(**{"class": "system"}))

    assert [each["status"] for each in accepted["recipients"]] == ["queued"]


def test_a_success_lets_an_address_go(live: Portal, server: Scripted) -> None:
    del server.answers["RCPT"]
    soon = datetime.now(UTC) + timedelta(seconds=1.5)  # noqa: TID251 - by the service's clock
    waiting = live.send(message("Waits", to=GONE, send_at=soon.isoformat()))
    live.call("POST", "/suppressions", {"email": "gone@client.test"})
    before = suppressed(live)

    live.wait_for(waiting, "sent")

    assert (before, suppressed(live)) == (["gone@client.test"], [])


def test_each_portal_has_a_list_of_its_own(hart: Portal, other: Portal) -> None:
    hart.call("POST", "/suppressions", {"email": "anna@client.test"})

    accepted = other.call("POST", "/messages", message())

    assert suppressed(other) == []
    assert [each["status"] for each in accepted["recipients"]] == ["queued"]


def test_the_list_is_searched_page_by_page(hart: Portal) -> None:
    for name in ("anna", "ben", "carl", "anton"):
        hart.call("POST", "/suppressions", {"email": f"{name}@client.test"})

    first = hart.call("GET", "/suppressions?q=AN&limit=1")
    rest = hart.call("GET", f"/suppressions?q=AN&limit=1&cursor={first['next_cursor']}")

    assert [each["email"] for each in (*first["items"], *rest["items"])] == [
        "anna@client.test",
        "anton@client.test",
    ]
    assert rest["next_cursor"] is None


def test_what_is_no_address_is_not_suppressed(hart: Portal) -> None:
    refused = hart.refused("POST", "/suppressions", {"email": "Anna <anna@client.test>"})

    assert [each["field"] for each in refused["errors"]] == ["email"]


def test_a_repeated_request_is_answered_alike(hart: Portal) -> None:
    hart.call("POST", "/suppressions", {"email": "anna@client.test"})
    headers = {"X-Portal": hart.slug, "Idempotency-Key": "once"}
    http = hart.platform.http

    answers = [http.post("/v1/messages", json=message(), headers=headers) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
