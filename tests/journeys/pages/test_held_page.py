"""Held mail in the browser: why, what, released in parts, discarded when one is sure."""

import pytest
from playwright.sync_api import Page, expect

from tests.forms import message
from tests.journeys.pages.desk import Desk
from tests.journeys.pages.people import Person
from tests.journeys.settings import go_live_scripted
from tests.running import Portal
from tests.servers.scripted import Scripted

WRONG_LOGIN = b"535 5.7.8 Bad credentials\r\n"


@pytest.fixture
def held(hart: Portal, server: Scripted) -> list[str]:
    """Messages of a portal whose server has begun to refuse its login."""
    go_live_scripted(hart, server)
    server.answers["AUTH"] = WRONG_LOGIN
    ids = [hart.send(message(f"Number {number}")) for number in range(4)]
    for each in ids:
        hart.wait_for(each, "held")
    return ids


def test_held_mail_is_released_in_parts_and_discarded_without_a_script(
    plain: Page, hart: Portal, server: Scripted, held: list[str]
) -> None:
    desk = Desk(hart, plain).enter()
    plain.get_by_role("link", name="See 4 held mails").click()
    expect(plain.locator("tbody tr")).to_have_count(4)
    expect(plain.get_by_role("alert")).to_contain_text("535 5.7.8")
    plain.get_by_role("link", name="Number 0").click()
    plain.get_by_role("link", name="Why it is held").click()
    del server.answers["AUTH"]

    plain.get_by_label("How many; empty for all").fill("none")
    desk.press("Release")
    expect(plain.locator("#limit-error")).to_be_visible()
    plain.get_by_label("How many; empty for all").fill("1")
    desk.press("Release")
    hart.wait_for(held[0], "sent")
    plain.get_by_role("link", name="Held mail").click()
    expect(plain.locator("tbody tr")).to_have_count(3)
    expect(plain.locator("tbody")).to_contain_text("Kept back by a person")
    desk.press("Discard")
    expect(plain.locator("#sure-error")).to_be_visible()
    plain.get_by_label("I am sure").check()
    desk.press("Discard")

    expect(plain.get_by_text("Nothing is held")).to_be_visible()
    expect(plain.get_by_role("link", name="Held mail")).to_have_count(0)
    assert [hart.statuses(each) for each in held[1:]] == [["cancelled"]] * 3
    assert len([each for each in server.taken if b"Subject: Number" in each.content]) == 1


def test_the_connection_is_tried_again_from_there(
    desk: Desk, hart: Portal, server: Scripted, held: list[str]
) -> None:
    desk.page.goto(f"{desk.address}/held")
    del server.answers["AUTH"]

    desk.press("Try again now")

    for each in held:
        hart.wait_for(each, "sent")
    assert [hart.statuses(each) for each in held] == [["sent"]] * len(held)


def test_a_viewer_sees_held_mail_and_lets_nothing_go(
    hart: Portal, held: list[str], person: Person
) -> None:
    path = f"/portals/{hart.slug}/held"
    text = person.enter(hart, "viewer").http.get(path).text
    csrf = person.csrf(path)

    answers = [
        person.post(f"{path}/{what}", csrf, sure="on").status_code
        for what in ("resume", "release", "discard")
    ]

    assert "Number 0" in text
    assert "Discard" not in text
    assert answers == [403, 403, 403]
    assert all(hart.statuses(each) == ["held"] for each in held)
