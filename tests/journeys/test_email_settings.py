"""The main job: a portal's own server is saved, proven, switched on, and its mail leaves by it."""

import re
from typing import Any

import pytest

from tests.journeys.forms import DEFAULT, Form, message, smtp
from tests.journeys.platform import Platform
from tests.servers.postfix import LOGIN, Postfix

SETTINGS = "/portals/hart/email-settings"
COUNT = 200


def code_of(server: Postfix, recipient: str) -> str:
    """The code in the test mail that arrived for `recipient`."""
    arrived = server.wait_for(1, subject="Test mail for Hart & Co")
    mail = next(each.message for each in arrived if each.recipient == recipient)
    found = re.search(r"^\s+(\d{6})\s*$", mail.get_content(), re.MULTILINE)
    assert found
    return found[1]


def states(overview: Any) -> dict[str, str]:
    return {each["step"]: each["state"] for each in overview["checklist"]}


def go_live(platform: Platform, server: Postfix, form: Form, recipient: str) -> Any:
    """Save, test, confirm, switch on."""
    platform.call("PUT", SETTINGS, form)
    tested = platform.call("POST", f"{SETTINGS}/test", {"to": recipient})
    assert tested["accepted"], tested
    platform.call("POST", f"{SETTINGS}/confirm", {"code": code_of(server, recipient)})
    return platform.call("POST", f"{SETTINGS}/switch-on")


@pytest.mark.parametrize(("port", "name"), [(587, "starttls"), (465, "tls")])
def test_from_the_first_settings_to_the_last_copy(
    platform: Platform, mail_server: Postfix, port: int, name: str
) -> None:
    recipient, copies = f"{name}@client.test", f"copies-{name}@client.test"
    form = smtp(port=port, copy_to=copies)

    early_test = platform.refused("POST", f"{SETTINGS}/test", {"to": recipient})
    saved = platform.call("PUT", SETTINGS, form)
    early_switch = platform.refused("POST", f"{SETTINGS}/switch-on")
    tested = platform.call("POST", f"{SETTINGS}/test", {"to": recipient})
    unconfirmed = platform.refused("POST", f"{SETTINGS}/switch-on")
    wrong = platform.refused("POST", f"{SETTINGS}/confirm", {"code": "00000x"})
    platform.call("POST", f"{SETTINGS}/confirm", {"code": code_of(mail_server, recipient)})
    live = platform.call("POST", f"{SETTINGS}/switch-on")

    assert (early_test["status"], early_test["type"]) == (409, "urn:letterhead:gate")
    assert early_test["step"] == "saved"
    assert saved["live"]["type"] == "default"
    assert saved["next"]["password_set"] is True
    assert "password" not in saved["next"]
    assert (early_switch["status"], early_switch["step"]) == (409, "test_accepted")
    assert unconfirmed["step"] == "test_confirmed"
    assert wrong["errors"][0]["field"] == "code"
    assert [each["stage"] for each in tested["stages"]] == [
        *("resolve", "connect", "encrypt", "sign_in", "sender", "recipient", "message")
    ]
    assert tested["accepted"] is True
    assert tested["reply"]["code"] == 250
    assert live["live"]["type"] == "smtp"
    assert live["next"] is None
    assert set(states(live).values()) == {"done", "not_required"}

    messages = [
        message(f"{name} {number:03}", to=[{"email": recipient}]) for number in range(COUNT)
    ]
    items = platform.call("POST", "/messages/batch", {"messages": messages}, portal="hart")["items"]
    for each in items:
        found = platform.wait_for("hart", each["id"])
        assert [at["status"] for at in found["recipients"]] == ["sent", "sent"]

    arrived = mail_server.wait_for(2 * COUNT, subject=f"{name} ")
    subjects = sorted(each.message["Subject"] for each in arrived if each.recipient == recipient)
    copied = sorted(each.message["Subject"] for each in arrived if each.recipient == copies)
    assert subjects == copied == [f"{name} {number:03}" for number in range(COUNT)]
    for each in arrived:
        assert str(each.message["From"]) == f"Hart & Co <{LOGIN}>"
        assert each.message["To"] == recipient
        assert "Bcc" not in each.message


def test_back_to_default_and_back_to_the_version_before(
    platform: Platform, mail_server: Postfix
) -> None:
    live = go_live(platform, mail_server, smtp(), "back@client.test")
    version = live["live"]["version"]

    default = platform.call("POST", f"{SETTINGS}/switch-back", {"type": "default"})
    platform_way = platform.call("POST", "/messages", message("by the platform"), portal="hart")
    captured = platform.wait_for("hart", platform_way["id"])
    again = platform.call("POST", f"{SETTINGS}/switch-back", {"version": version})
    own_way = platform.call("POST", "/messages", message("by its own server"), portal="hart")
    sent = platform.wait_for("hart", own_way["id"])
    never_live = platform.refused("POST", f"{SETTINGS}/switch-back", {"version": version + 7})

    assert default["live"]["type"] == "default"
    assert captured["recipients"][0]["status"] == "captured"
    assert again["live"]["version"] == version
    assert sent["recipients"][0]["status"] == "sent"
    assert len(mail_server.wait_for(1, subject="by its own server")) == 1
    assert never_live["status"] in {404, 409, 422}


def test_default_says_via_and_answers_go_to_the_portal(platform: Platform) -> None:
    platform.call("PUT", SETTINGS, DEFAULT)
    live = platform.call("POST", f"{SETTINGS}/switch-on")

    accepted = platform.call("POST", "/messages", message("via"), portal="hart")
    platform.wait_for("hart", accepted["id"])

    assert live["live"]["type"] == "default"
    [captured] = (platform.folder / "data/captured").glob("*.eml")
    text = captured.read_text("utf-8")
    assert "X-Letterhead-Envelope-From: no-reply@desk.test" in text
    assert "X-Letterhead-Envelope-To: anna@client.test" in text
    assert "\nFrom: Hart & Co via Desk <no-reply@desk.test>\n" in text
    assert "Reply-To: office@client.test" in text


def test_a_new_version_does_not_stop_what_sends_now(
    platform: Platform, mail_server: Postfix
) -> None:
    go_live(platform, mail_server, smtp(), "keep@client.test")

    changed = platform.call("PUT", SETTINGS, smtp(server="closed.test"))
    refused = platform.refused("POST", f"{SETTINGS}/switch-on")
    accepted = platform.call("POST", "/messages", message("meanwhile"), portal="hart")
    sent = platform.wait_for("hart", accepted["id"])

    assert changed["next"]["server"] == "closed.test"
    assert refused["step"] == "test_accepted"
    assert sent["recipients"][0]["status"] == "sent"


def test_names_and_copies_may_change_without_a_new_test(
    platform: Platform, mail_server: Postfix
) -> None:
    platform.call("PUT", SETTINGS, smtp())
    platform.call("POST", f"{SETTINGS}/test", {"to": "names@client.test"})
    platform.call(
        "POST", f"{SETTINGS}/confirm", {"code": code_of(mail_server, "names@client.test")}
    )

    form = {key: value for key, value in smtp(from_name="Hart").items() if key != "password"}
    renamed = platform.call("PUT", SETTINGS, form)
    moved = platform.call("PUT", SETTINGS, {**form, "from_address": "sales@client.test"})

    assert states(renamed)["test_confirmed"] == "done"
    assert states(moved)["test_accepted"] == "open"


def test_the_sixth_wrong_code_voids_the_test(platform: Platform, mail_server: Postfix) -> None:
    platform.call("PUT", SETTINGS, smtp())
    platform.call("POST", f"{SETTINGS}/test", {"to": "codes@client.test"})
    right = code_of(mail_server, "codes@client.test")
    wrong = f"{(int(right) + 1) % 1_000_000:06}"

    answers = [
        platform.refused("POST", f"{SETTINGS}/confirm", {"code": wrong})["status"] for _ in range(6)
    ]
    late = platform.refused("POST", f"{SETTINGS}/confirm", {"code": right})

    assert answers == [422] * 6
    assert (late["status"], late["step"]) == (409, "test_accepted")
