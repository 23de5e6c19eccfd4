"""The log of messages in the browser."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.forms import message
from tests.journeys.pages.desk import Desk
from tests.journeys.pages.test_entrance import Person, person
from tests.running import Portal

__all__ = ["person"]

HTML = """
<p>Dear <b>Anna</b></p><img src="{pixel}">
<script>parent.document.title = "broken out"</script><form action="/x"><input name="z"></form>
"""


def test_a_message_is_found_looked_at_and_sent_again(desk: Desk, hart: Portal) -> None:
    page = desk.page
    sent = hart.send(message("Invoice 17"))
    hart.send(message("Contract"))
    hart.wait_for(sent)
    page.get_by_role("link", name="Messages").click()

    page.get_by_label("Subject or recipient").fill("Invoice")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Invoice 17").click()
    expect(page.get_by_text("Captured").first).to_be_visible()
    page.get_by_role("button", name="Send again").click()

    expect(page.get_by_role("link", name="an earlier message")).to_be_visible()
    assert len(hart.call("GET", "/messages?q=Invoice")["items"]) == 2


def test_what_waits_is_cancelled(desk: Desk, hart: Portal) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()  # noqa: TID251 - a real one
    later = hart.send(message("Later", send_at=tomorrow))

    desk.page.goto(f"{desk.address}/messages/{later}")
    desk.press("Cancel what waits")
    expect(desk.page.locator("tbody .chip")).to_contain_text("Cancelled")
    desk.press("Cancel what waits")

    expect(desk.page.get_by_role("alert")).to_contain_text("Nothing of this message waits")
    assert hart.statuses(later) == ["cancelled"]


def test_a_long_log_has_pages(desk: Desk, hart: Portal) -> None:
    some = [message(f"Number {number:02}") for number in range(60)]
    hart.call("POST", "/messages/batch", {"messages": some})
    page = desk.page

    page.goto(f"{desk.address}/messages?q=Number")
    first = page.locator("tbody a").all_inner_texts()
    page.get_by_role("link", name="Older messages").click()
    rest = page.locator("tbody a").all_inner_texts()

    assert [*first, *rest] == [f"Number {number:02}" for number in reversed(range(60))]


def test_the_html_of_a_message_is_shown_in_a_cage(desk: Desk, hart: Portal) -> None:
    page = desk.page
    refused: dict[str, str | None] = {}
    page.on("requestfailed", lambda request: refused.update({request.url: request.failure}))
    pixel = f"{hart.platform.address}/pixel.gif"
    sent = hart.send(message("Styled", html=HTML.replace("{pixel}", pixel)))

    page.goto(f"{desk.address}/messages/{sent}")
    page.get_by_role("link", name="Read the message").click()

    expect(page.frame_locator("iframe").get_by_text("Anna")).to_be_visible()
    expect(page.locator("pre")).to_contain_text("Dear Anna,")
    page.wait_for_load_state("networkidle")
    assert page.title().startswith("A message")
    assert refused == {pixel: "csp"}  # by the policy, before anything was asked


def test_bodies_are_not_for_every_role(hart: Portal, person: Person) -> None:
    sent = hart.send(message())
    path = f"/portals/{hart.slug}/messages/{sent}"
    person.enter(hart, "viewer")

    assert "Read the message" not in person.http.get(path).text
    assert person.http.get(f"{path}/body").status_code == 403
    assert person.http.get(f"{path}/frame").status_code == 403


@pytest.mark.parametrize(
    "query", ["status=nonsense", "cursor=xyz", "since=yesterday", "until=9999-12-31"]
)
def test_a_search_that_means_nothing_shows_everything_it_can(
    hart: Portal, person: Person, query: str
) -> None:
    hart.send(message("Here"))
    answer = person.enter(hart).http.get(f"/portals/{hart.slug}/messages?{query}")

    assert answer.status_code == 200
    assert re.search(">Here<", answer.text)
