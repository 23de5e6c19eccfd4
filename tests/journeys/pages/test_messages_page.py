"""The log of messages in the browser."""

import csv
import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from playwright.sync_api import Page, expect

from tests.forms import message
from tests.journeys.pages.desk import Desk
from tests.journeys.pages.people import Person
from tests.journeys.settings import go_live_scripted
from tests.running import Portal
from tests.servers.scripted import DROP, Scripted

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
    expect(page.locator(".card-table tbody tr")).to_have_count(1)
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


def test_a_person_says_what_became_of_an_uncertain_mail(
    plain: Page, hart: Portal, server: Scripted
) -> None:
    go_live_scripted(hart, server)
    server.answers["dot"] = DROP
    ids = [hart.send(message(f"Number {number}", on_uncertain="hold")) for number in range(2)]
    for each in ids:
        hart.wait_for(each, "uncertain")
    del server.answers["dot"]
    desk = Desk(hart, plain).enter()

    plain.goto(f"{desk.address}/messages/{ids[0]}")
    desk.press("It arrived")
    expect(plain.locator("tbody .chip")).to_contain_text("Sent")
    plain.goto(f"{desk.address}/messages/{ids[1]}")
    desk.press("Send it again")
    hart.wait_for(ids[1], "sent")

    taken = [each for each in server.taken if b"Subject: Number 1" in each.content]
    assert hart.statuses(ids[0]) == ["sent"]
    assert len(taken) == 2


def test_a_long_log_has_pages(desk: Desk, hart: Portal) -> None:
    some = [message(f"Number {number:02}") for number in range(60)]
    hart.call("POST", "/messages/batch", {"messages": some})
    page = desk.page

    page.goto(f"{desk.address}/messages?q=Number")
    first = page.locator("tbody a").all_inner_texts()
    page.get_by_role("link", name="Older messages").click()
    rest = page.locator("tbody a").all_inner_texts()

    assert [*first, *rest] == [f"Number {number:02}" for number in reversed(range(60))]


def test_newer_and_older_pages_meet(desk: Desk, hart: Portal) -> None:
    some = [message(f"Number {number:03}") for number in range(120)]
    hart.call("POST", "/messages/batch", {"messages": some})
    page = desk.page

    def shown() -> list[str]:
        return page.locator("tbody a").all_inner_texts()

    page.goto(f"{desk.address}/messages?q=Number")
    first = shown()
    expect(page.get_by_role("link", name="Newer messages")).to_have_count(0)
    page.get_by_role("link", name="Older messages").click()
    page.get_by_role("link", name="Older messages").click()
    last = shown()
    expect(page.get_by_role("link", name="Older messages")).to_have_count(0)
    page.get_by_role("link", name="Newer messages").click()
    middle = shown()
    page.get_by_role("link", name="Newer messages").click()

    assert shown() == first
    expect(page.get_by_role("link", name="Newer messages")).to_have_count(0)
    assert [*first, *middle, *last] == [f"Number {number:03}" for number in reversed(range(120))]


def test_the_log_is_a_table_for_spreadsheets_that_runs_nothing(
    hart: Portal, person: Person
) -> None:
    evil = '=HYPERLINK("https://evil.test";"Invoice")'
    sent = hart.send(message(evil))
    hart.send(message("Of no interest"))
    hart.wait_for(sent)
    path = f"/portals/{hart.slug}/messages.csv"

    answer = person.enter(hart).http.get(f"{path}?q=HYPERLINK")

    [row] = csv.DictReader(StringIO(answer.text))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert f'filename="{hart.slug}-messages-' in answer.headers["content-disposition"]
    assert row["subject"] == f"'{evil}"
    assert (row["message_id"], row["status"], row["copy"]) == (sent, "captured", "no")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["accepted_at"])


def test_the_table_of_a_long_log_is_whole(hart: Portal, person: Person) -> None:
    for _ in range(2):
        some = [message(f"{number}") for number in range(600)]
        hart.call("POST", "/messages/batch", {"messages": some})

    text = person.enter(hart, "viewer").http.get(f"/portals/{hart.slug}/messages.csv").text

    ids = [row["message_id"] for row in csv.DictReader(StringIO(text))]
    assert len(set(ids)) == len(ids) == 1200


def test_a_consultant_gets_no_table(hart: Portal, person: Person) -> None:
    person.enter(hart, "consultant")

    assert person.http.get(f"/portals/{hart.slug}/messages.csv").status_code == 403


def test_the_chart_says_the_same_as_its_table(plain: Page, hart: Portal) -> None:
    desk = Desk(hart, plain).enter()
    plain.goto(f"{desk.address}/messages")
    expect(plain.locator("svg.chart")).to_have_count(0)
    for _ in range(3):
        hart.wait_for(hart.send(message()))

    plain.goto(f"{desk.address}/messages")

    chart = plain.locator("svg.chart")
    assert chart.get_attribute("aria-label") == "3 mails accepted, 3 sent, 0 failed"
    plain.get_by_text("As a table").click()
    expect(plain.locator("details tbody tr")).to_have_count(30)
    assert plain.locator("details tbody tr").first.locator("td").all_inner_texts() == [
        "3",
        "3",
        "0",
    ]


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
