"""Portals: found, exported, deleted; by operators alone."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.forms import message, smtp
from tests.journeys.pages.desk import Desk
from tests.journeys.pages.people import Person
from tests.journeys.settings import eventually
from tests.running import Portal


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()  # noqa: TID251 - a real one


def test_a_portal_is_found_exported_and_deleted_when_its_name_is_typed(
    operator: Desk, hart: Portal, other: Portal
) -> None:
    page = operator.page
    hart.save(smtp(password="a-very-secret-password"))
    waits = hart.send(message("Waits", send_at=tomorrow()))
    kept = other.send(message("Kept"))
    page.goto(f"{hart.platform.address}/portals?q={hart.slug}")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Export or delete Hart & Co").click()

    with page.expect_download() as download:
        operator.press("Export")
    lines = download.value.path().read_text("utf-8").splitlines()
    operator.press("Delete this portal")
    expect(page.locator("#slug-error")).to_be_visible()
    page.get_by_label(f"Type {hart.slug}").fill(hart.slug)
    operator.press("Delete this portal")
    expect(page.locator("#discard-error")).to_be_visible()
    page.get_by_label("1 mail waits").check()
    operator.press("Delete this portal")

    expect(page.get_by_role("heading", name="Deleted portals")).to_be_visible()
    expect(page.locator("main")).to_contain_text(f"({hart.slug})")
    assert hart.ask("GET", f"/messages/{waits}").status_code == 404
    other.wait_for(kept, "captured")
    exported = [json.loads(line) for line in lines]
    assert {"portal", "settings", "message", "recipient"} <= {each["table"] for each in exported}
    assert "a-very-secret-password" not in "".join(lines)


def test_a_portal_is_deleted_by_api_while_mail_flows(hart: Portal, other: Portal) -> None:
    hart.call("POST", "/messages/batch", {"messages": [message(f"{n}") for n in range(200)]})
    ids = [other.send(message(f"{n}")) for n in range(5)]

    answer = hart.ask("DELETE", f"/portals/{hart.slug}?waiting=discard")
    again = hart.platform.portal(hart.slug)

    assert answer.status_code == 200, answer.text
    assert again.call("GET", "/messages")["items"] == []
    for each in ids:
        other.wait_for(each, "captured")
    sent = again.send(message())
    again.wait_for(sent, "captured")


def test_waiting_mail_keeps_a_portal_from_being_deleted_by_api(hart: Portal) -> None:
    hart.send(message(send_at=tomorrow()))

    problem = hart.refused("DELETE", f"/portals/{hart.slug}")

    assert problem["status"] == 409
    assert hart.call("GET", f"/portals/{hart.slug}")["slug"] == hart.slug


def test_an_export_is_told_to_the_portals_people(hart: Portal, person: Person) -> None:
    person.enter(hart)
    path = f"/portals/{hart.slug}/people"
    admin = f"anna@{hart.slug}.test"
    person.post(path, person.csrf(path), email=admin, role="admin")

    answer = hart.ask("GET", f"/portals/{hart.slug}/export")

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert all(json.loads(line)["table"] for line in answer.text.splitlines())
    eventually(lambda: any("exported" in each.read_text() for each in hart.platform.captured()))


@pytest.mark.parametrize("path", ["/portals/{slug}/leave", "/platform", "/health"])
def test_an_admin_is_no_operator(hart: Portal, person: Person, path: str) -> None:
    person.enter(hart)

    assert person.http.get(path.format(slug=hart.slug)).status_code == 403
