"""The main job: a portal's own server is saved, proven, switched on, and its mail leaves by it."""

import pytest

from tests.forms import DEFAULT, message, smtp
from tests.journeys.conftest import ON_BOTH
from tests.journeys.settings import code_of, go_live, states
from tests.running import Platform, Portal
from tests.servers.postfix import LOGIN, Postfix

pytestmark = ON_BOTH

COUNT = 200
STAGES = ["resolve", "connect", "encrypt", "sign_in", "sender", "recipient", "message"]


@pytest.mark.parametrize("port", [587, 465])
def test_a_server_is_saved_proven_and_switched_on(
    hart: Portal, mail_server: Postfix, port: int
) -> None:
    to = f"walk-{hart.slug}@client.test"

    early_test = hart.refused_change("test", {"to": to})
    saved = hart.save(smtp(port=port))
    early_switch = hart.refused_change("switch-on")
    tested = hart.change("test", {"to": to})
    unconfirmed = hart.refused_change("switch-on")
    confirmed = hart.change("confirm", {"code": code_of(mail_server, to)})
    live = hart.change("switch-on")

    assert (early_test["status"], early_test["type"]) == (409, "urn:letterhead:gate")
    assert [each["step"] for each in (early_test, early_switch, unconfirmed)] == [
        *("saved", "test_accepted", "test_confirmed")
    ]
    assert (saved["live"]["type"], saved["next"]["type"]) == ("default", "smtp")
    assert [each["stage"] for each in tested["stages"] if each["ok"]] == STAGES
    assert (tested["accepted"], tested["reply"]["code"]) == (True, 250)
    assert states(confirmed)["switched_on"] == "open"
    assert (live["live"]["type"], live["next"]) == ("smtp", None)
    assert set(states(live).values()) == {"done", "not_required"}


@pytest.mark.parametrize("port", [587, 465])
def test_two_hundred_messages_and_their_copies_arrive_once_each(
    hart: Portal, mail_server: Postfix, port: int
) -> None:
    to, copies, name = (
        f"to-{hart.slug}@client.test",
        f"copies-{hart.slug}@client.test",
        f"By {hart.slug}",
    )
    go_live(hart, mail_server, smtp(port=port, copy_to=copies))
    messages = [message(f"{name}: {number:03}", to=[{"email": to}]) for number in range(COUNT)]

    items = hart.call("POST", "/messages/batch", {"messages": messages})["items"]
    found = [hart.wait_for(each["id"]) for each in items]

    assert {each["status"] for at in found for each in at["recipients"]} == {"sent"}
    arrived = mail_server.wait_for(2 * COUNT, subject=f"{name}: ")
    for recipient in (to, copies):
        subjects = [each.message["Subject"] for each in arrived if each.recipient == recipient]
        assert sorted(subjects) == [each["subject"] for each in messages]
    for each in arrived:
        fields = (each.message["From"], each.message["To"], each.message["Bcc"])
        assert fields == (f"Hart & Co <{LOGIN}>", to, None)


def test_back_to_default_and_back_to_the_version_before(hart: Portal, mail_server: Postfix) -> None:
    version = go_live(hart, mail_server, smtp())["live"]["version"]

    default = hart.change("switch-back", {"type": "default"})
    captured = hart.wait_for(hart.send(message("By the platform")))
    again = hart.change("switch-back", {"version": version})
    sent = hart.wait_for(hart.send(message(f"Own server {hart.slug}")))
    never_live = hart.refused_change("switch-back", {"version": version + 7})

    assert default["live"]["type"] == "default"
    assert captured["recipients"][0]["status"] == "captured"
    assert again["live"]["version"] == version
    assert sent["recipients"][0]["status"] == "sent"
    assert len(mail_server.wait_for(1, subject=f"Own server {hart.slug}")) == 1
    assert never_live["status"] == 404


def test_default_says_via_and_answers_go_to_the_portal(hart: Portal, platform: Platform) -> None:
    hart.save(DEFAULT)
    live = hart.change("switch-on")

    hart.wait_for(hart.send(message("Via the platform")))

    texts = [each.read_text("utf-8") for each in platform.captured()]
    [text] = [each for each in texts if "Subject: Via the platform\n" in each]
    assert live["live"]["type"] == "default"
    assert "X-Letterhead-Envelope-From: no-reply@desk.test\n" in text
    assert "X-Letterhead-Envelope-To: anna@client.test\n" in text
    assert f"\nFrom: Hart & Co {hart.slug[5:]} via Desk <no-reply@desk.test>\n" in text
    assert "\nReply-To: office@client.test\n" in text


def test_a_new_version_does_not_stop_what_sends_now(hart: Portal, mail_server: Postfix) -> None:
    go_live(hart, mail_server, smtp())

    changed = hart.save(smtp(server="closed.test"))
    refused = hart.refused_change("switch-on")
    sent = hart.wait_for(hart.send(message()))

    assert changed["next"]["server"] == "closed.test"
    assert refused["step"] == "test_accepted"
    assert sent["recipients"][0]["status"] == "sent"


def test_names_and_copies_may_change_without_a_new_test(hart: Portal, mail_server: Postfix) -> None:
    hart.save(smtp())
    hart.change("test", {"to": f"names-{hart.slug}@client.test"})
    hart.change("confirm", {"code": code_of(mail_server, f"names-{hart.slug}@client.test")})
    form = {key: value for key, value in smtp(from_name="Hart").items() if key != "password"}

    renamed = hart.save(form)
    moved = hart.save({**form, "from_address": "sales@client.test"})

    assert states(renamed)["test_confirmed"] == "done"
    assert states(moved)["test_accepted"] == "open"


def test_the_sixth_wrong_code_voids_the_test(hart: Portal, mail_server: Postfix) -> None:
    hart.save(smtp())
    hart.change("test", {"to": f"codes-{hart.slug}@client.test"})
    right = code_of(mail_server, f"codes-{hart.slug}@client.test")
    wrong = f"{(int(right) + 1) % 1_000_000:06}"

    answers = [hart.refused_change("confirm", {"code": wrong}) for _ in range(6)]
    late = hart.refused_change("confirm", {"code": right})

    assert [each["status"] for each in answers] == [422] * 6
    assert (late["status"], late["step"]) == (409, "test_accepted")
