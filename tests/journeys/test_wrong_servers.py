"""Servers that are not right: the stage, the state and the words are; and no mail is lost."""

import time
from typing import Any

import pytest

from tests.bad_inputs import VALID_NAMES
from tests.forms import message, smtp
from tests.journeys.settings import go_live, go_live_scripted, states
from tests.running import Portal
from tests.servers.postfix import Postfix
from tests.servers.scripted import DROP, RESET, SILENCE, Scripted


@pytest.mark.parametrize(
    ("change", "stage", "fault"),
    [
        ({"password": "not-the-password"}, "sign_in", "login-refused"),
        ({"server": "nostarttls.test"}, "encrypt", "no-starttls"),
        ({"server": "expired.test"}, "encrypt", "certificate-not-valid"),
        ({"server": "selfsigned.test"}, "encrypt", "certificate-not-valid"),
        ({"server": "wrongname.test"}, "encrypt", "certificate-not-valid"),
        ({"server": "closed.test"}, "connect", "connection-refused"),
        ({"server": "unknown.test"}, "resolve", "server-not-found"),
        ({"server": "private.test"}, "resolve", "server-not-found"),
        ({"server": "mail.broken"}, "resolve", "dns-no-answer"),
        ({"from_address": "stranger@client.test"}, "recipient", "sender-not-allowed"),
    ],
    ids=lambda value: "".join(value.values()) if isinstance(value, dict) else "",
)
def test_a_test_mail_stops_at_the_stage_that_is_wrong(
    hart: Portal, mail_server: Postfix, change: dict[str, str], stage: str, fault: str
) -> None:
    before = len(mail_server.arrived())
    hart.save(smtp(**change))

    found = hart.change("test", {"to": "anna@client.test"})

    assert found["accepted"] is False
    assert [(each["stage"], each["ok"]) for each in found["stages"]][-1] == (stage, False)
    assert all(each["ok"] for each in found["stages"][:-1])
    assert found["fault"]["code"] == fault
    assert states(hart.settings())["test_accepted"] == "open"
    assert hart.refused_change("switch-on")["step"] == "test_accepted"
    assert len(mail_server.arrived()) == before


@pytest.mark.parametrize("name", sorted(VALID_NAMES - {"localhost", "localhost."}))
def test_names_that_lead_into_the_network_lead_nowhere(hart: Portal, name: str) -> None:
    hart.save(smtp(server=name))

    found = hart.change("test", {"to": "anna@client.test"})

    assert [each["stage"] for each in found["stages"]] == ["resolve"]
    assert found["fault"]["code"] == "server-not-found"


def test_a_private_address_is_told_apart_from_no_address_by_nothing(
    hart: Portal, mail_server: Postfix
) -> None:
    told = []
    for server in ("unknown.test", "private.test"):
        hart.save(smtp(server=server))
        found = hart.change("test", {"to": "anna@client.test"})
        told.append(([each["detail"] for each in found["stages"]], found["fault"]))

    assert told[0] == told[1]


def events(hart: Portal, message_id: str) -> list[tuple[str, Any]]:
    items = hart.call("GET", f"/messages/{message_id}/events")["items"]
    return [(each["kind"], (each["fault"] or {}).get("code")) for each in items]


def wait_for_event(hart: Portal, message_id: str, kind: str) -> list[tuple[str, Any]]:
    ends = time.monotonic() + 20
    while kind not in [each for each, _ in events(hart, message_id)]:
        assert time.monotonic() < ends, events(hart, message_id)
        time.sleep(0.05)
    return events(hart, message_id)


def test_a_refused_login_holds_mail_and_a_person_lets_it_go_on(
    hart: Portal, server: Scripted
) -> None:
    go_live_scripted(hart, server)
    server.answers["AUTH"] = b"535 5.7.8 Bad credentials\r\n"

    ids = [hart.send(message(f"Held {number}")) for number in range(3)]
    for each in ids:
        hart.wait_for(each, "held")
    paused = hart.settings()["connection"]
    logins = sum(line.startswith("AUTH") for line in server.said)
    time.sleep(2.5)  # sweeps pass
    logins_later = sum(line.startswith("AUTH") for line in server.said)
    del server.answers["AUTH"]
    hart.change("resume")
    found = [hart.wait_for(each) for each in ids]

    assert (paused["state"], paused["held"]) == ("paused", 3)
    assert paused["fault"]["code"] == "login-refused"
    assert logins_later == logins
    assert [each["recipients"][0]["status"] for each in found] == ["sent"] * 3
    assert [b"Subject: Held %d\r\n" % at in server.taken[at].content for at in range(3)] == [
        *(True, True, True)
    ]
    assert hart.settings()["connection"]["state"] == "active"


@pytest.mark.parametrize("how", [DROP, RESET], ids=["drop", "reset"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_break_before_the_final_dot_is_tried_again(
    hart: Portal, server: Scripted, step: str, how: bytes
) -> None:
    go_live_scripted(hart, server)
    server.answers[step] = how

    waiting = hart.send(message())
    seen = wait_for_event(hart, waiting, "deferred")

    assert seen == [("accepted", None), ("deferred", "connection-lost")]
    assert hart.statuses(waiting) == ["queued"]
    assert server.taken == []


@pytest.mark.parametrize("how", [DROP, RESET, b"250 ok"], ids=["drop", "reset", "half"])
def test_a_break_after_the_final_dot_is_uncertain(
    hart: Portal, server: Scripted, how: bytes
) -> None:
    go_live_scripted(hart, server)
    server.answers["dot"] = how

    held = hart.send(message("Once", on_uncertain="hold"))
    resent = hart.send(message("Again", on_uncertain="resend"))
    hart.wait_for(held, "uncertain")
    seen = wait_for_event(hart, resent, "uncertain")
    [recipient] = hart.message(held)["recipients"]
    del server.answers["dot"]
    asked = {"recipient": recipient["id"], "as": "resend"}
    hart.call("POST", f"/messages/{held}/resolve", asked)
    hart.wait_for(held, "sent")

    assert seen[-1][0] == "uncertain"
    assert hart.statuses(resent) == ["queued"]
    ids = [
        line
        for each in server.taken
        if b"Subject: Once" in each.content
        for line in each.content.splitlines()
        if line.startswith(b"Message-ID:")
    ]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_slow_server_is_waited_for(hart: Portal, server: Scripted) -> None:
    go_live_scripted(hart, server)
    server.delay = 0.7

    found = hart.wait_for(hart.send(message()))

    assert found["recipients"][0]["status"] == "sent"
    assert len(server.taken) == 1


def test_a_server_that_says_nothing_is_given_up_in_the_test(hart: Portal, server: Scripted) -> None:
    server.answers["greeting"] = SILENCE
    hart.save(smtp(server="localhost", port=server.port))

    began = time.monotonic()
    found = hart.change("test", {"to": "anna@client.test"})

    assert time.monotonic() - began < 45
    assert found["stages"][-1]["stage"] == "connect"
    assert found["fault"]["code"] == "connection-timed-out"


def test_some_recipients_are_refused_and_the_others_get_it(
    hart: Portal, mail_server: Postfix
) -> None:
    go_live(hart, mail_server, smtp())
    to = [{"email": f"{name}@client.test"} for name in ("anna", "nobody", "busy")]

    sent = hart.send(message("Mixed", to=to))
    wait_for_event(hart, sent, "deferred")
    wait_for_event(hart, sent, "failed")
    found = {each["email"]: each for each in hart.message(sent)["recipients"]}

    assert found["anna@client.test"]["status"] == "sent"
    assert found["nobody@client.test"]["status"] == "failed"
    assert found["nobody@client.test"]["fault"]["code"] == "no-such-mailbox"
    assert found["busy@client.test"]["status"] == "queued"
