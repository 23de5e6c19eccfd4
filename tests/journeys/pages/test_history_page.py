"""The history names who decided about mail, and by which door."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from letterhead.mail.portal import Scope
from tests.forms import message
from tests.journeys.pages.people import Person
from tests.journeys.settings import go_live_scripted
from tests.running import Portal
from tests.servers.scripted import DROP, Scripted

Press = Callable[[str, dict[str, str]], None]  # one of the buttons of a message
Door = Callable[[Portal, Person], Press]


def by_page(hart: Portal, person: Person) -> Press:
    csrf = person.csrf(f"/portals/{hart.slug}/email-settings")

    def press(button: str, form: dict[str, str]) -> None:
        done = person.post(f"/portals/{hart.slug}/messages/{button}", csrf, **form)
        assert done.status_code == httpx.codes.SEE_OTHER, done.text

    return press


def by_key(hart: Portal, person: Person) -> Press:
    headers = {"Authorization": f"Bearer {hart.key(Scope.SEND)}"}

    def press(button: str, form: dict[str, str]) -> None:
        url = f"{hart.platform.address}/v1/messages/{button}"
        assert httpx.post(url, json=form, headers=headers).is_success

    return press


@pytest.mark.parametrize(
    ("door", "who"), [(by_page, "admin@hart.test"), (by_key, "API: tests")], ids=["page", "key"]
)
def test_who_cancels_resolves_or_sends_again_is_named(
    hart: Portal, server: Scripted, person: Person, door: Door, who: str
) -> None:
    go_live_scripted(hart, server)
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # noqa: TID251 - a real one
    later = hart.send(message("Later", send_at=tomorrow.isoformat()))
    server.answers["dot"] = DROP
    unsure = hart.send(message("Unsure", on_uncertain="hold"))
    (recipient,) = hart.wait_for(unsure, "uncertain")["recipients"]
    press = door(hart, person.enter(hart))

    press(f"{later}/cancel", {})
    press(f"{unsure}/resolve", {"recipient": recipient["id"], "as": "sent"})
    press(f"{unsure}/send-again", {})

    again = hart.call("GET", "/messages")["items"][0]["id"]
    assert [(each["who"], each["what"], each["details"]) for each in history(hart)[-3:]] == [
        (who, "cancelled", {"message": [None, later]}),
        (who, "resolved", {"message": [None, unsure], "status": ["uncertain", "sent"]}),
        (who, "sent_again", {"message": [unsure, again]}),
    ]
    shown = person.http.get(f"/portals/{hart.slug}/history").text
    for words in ("Cancelled a message", "Sent a message again", f"{unsure} → {again}", who):
        assert words in shown


def test_who_changes_settings_by_a_key_is_named(hart: Portal) -> None:
    headers = {"Authorization": f"Bearer {hart.key(Scope.SETTINGS)}"}

    url = f"{hart.platform.address}/v1{hart.form}"
    httpx.put(url, json={"type": "default", "from_name": "Hart"}, headers=headers)

    assert [each["who"] for each in history(hart)] == ["API: bootstrap", "API: tests"]


def history(hart: Portal) -> list[dict[str, object]]:
    lines = hart.ask("GET", f"/portals/{hart.slug}/export").text.splitlines()
    rows = [json.loads(each) for each in lines]
    found = [each for each in rows if each["table"] == "change" and each["what"] != "exported"]
    return sorted(found, key=lambda row: row["id"])
