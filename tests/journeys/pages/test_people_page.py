"""The people of a portal: added, changed, removed; and whoever is concerned is told."""

import re

import pytest
from playwright.sync_api import expect

from letterhead.mail.invitation import LINKS_AN_HOUR
from letterhead.mail.portal import Scope
from tests.forms import smtp
from tests.journeys.pages.desk import Desk
from tests.journeys.pages.people import GOOD, Person, link_for, mails
from tests.journeys.settings import eventually, go_live_scripted
from tests.running import Portal
from tests.servers.scripted import Scripted


def test_people_are_added_changed_and_removed(desk: Desk, hart: Portal, person: Person) -> None:
    page, vi = desk.page, f"vi@{hart.slug}.test"
    page.get_by_role("link", name="People").click()
    expect(page.get_by_text("Nobody yet")).to_be_visible()
    page.get_by_label("E-mail address").fill("a..b@hart.test")
    desk.press("Add person")
    expect(page.locator("#email-error")).not_to_be_empty()
    page.get_by_label("E-mail address").fill(vi)
    desk.press("Add person")
    expect(page.get_by_role("status")).to_contain_text(f"We wrote to {vi}")
    path = f"/portals/{hart.slug}/email-settings"

    came = person.http.post(link_for(hart, vi), data={"password": GOOD})
    as_viewer = person.http.get(f"/portals/{hart.slug}/people").status_code
    page.get_by_label(f"Role of {vi}", exact=True).select_option("admin")
    page.get_by_role("button", name=f"Change the role of {vi}").click()
    as_admin = person.http.get(f"/portals/{hart.slug}/people").status_code
    page.get_by_role("button", name=f"Remove {vi}").click()
    expect(page.get_by_text("Nobody yet")).to_be_visible()
    page.get_by_role("link", name="History").click()

    assert (came.status_code, as_viewer, as_admin) == (303, 403, 200)
    assert person.http.get(path).headers["location"].startswith("/sign-in")
    expect(page.locator("tbody")).to_contain_text("viewer → admin")
    eventually(lambda: "removed a person" in " ".join(mails(hart, vi)))


def test_no_admin_takes_over_the_account_of_somebody_with_a_role_elsewhere(
    hart: Portal, other: Portal, person: Person, guest: Person
) -> None:
    """A link to choose a password goes to the person, never to whoever asks for it."""
    email = f"op@{hart.slug}.test"
    guest.enter(other)
    path = f"/portals/{other.slug}/people"
    guest.post(path, guest.csrf(path), email=email, role="admin")
    link = link_for(hart, email)
    path = f"/portals/{hart.slug}/people"
    csrf = person.enter(hart).csrf(path)

    answer = person.post(path, csrf, email=email, role="viewer")
    number = re.search(r'name="person" value="(\d+)"', answer.text)
    assert number
    again = person.post(f"{path}/link", csrf, person=number[1])

    assert (answer.status_code, again.status_code) == (200, 200)
    assert "token=" not in answer.text + again.text
    assert link.partition("token=")[2] not in answer.text + again.text


def test_nobody_is_flooded_with_links(hart: Portal, person: Person) -> None:
    path = f"/portals/{hart.slug}/people"
    csrf = person.enter(hart).csrf(path)
    added = person.post(path, csrf, email=f"vi@{hart.slug}.test", role="viewer").text
    number = re.search(r'name="person" value="(\d+)"', added)
    assert number

    for _ in range(LINKS_AN_HOUR - 1):
        assert person.post(f"{path}/link", csrf, person=number[1]).status_code == 200

    assert person.post(f"{path}/link", csrf, person=number[1]).status_code == 429


def test_nobody_changes_the_people_of_another_portal(
    hart: Portal, other: Portal, person: Person, guest: Person
) -> None:
    guest.enter(other)
    theirs = f"/portals/{other.slug}/people"
    added = guest.post(theirs, guest.csrf(theirs), email="vi@other.test", role="viewer").text
    number = re.search(r'name="person" value="(\d+)"', added)
    assert number
    path = f"/portals/{hart.slug}/people"
    csrf = person.enter(hart).csrf(path)

    answers = [
        person.post(f"{path}/{what}", csrf, person=number[1], role="admin").status_code
        for what in ("role", "link", "remove")
    ]

    assert answers == [404, 404, 404]
    assert 'value="viewer" selected' in guest.http.get(theirs).text


@pytest.mark.parametrize("what", ["copy_to", "from_address"])
def test_the_old_contact_is_told_when_live_settings_name_another(
    hart: Portal, server: Scripted, what: str
) -> None:
    old, new = f"old@{hart.slug}.client.test", f"new@{hart.slug}.client.test"
    go_live_scripted(hart, server, **{what: old})

    go_live_scripted(hart, server, **{what: new})

    assert eventually(lambda: f"{old} -> {new}" in " ".join(mails(hart, old)))


def test_admins_are_told_of_keys_and_never_of_what_opens(hart: Portal, person: Person) -> None:
    path = f"/portals/{hart.slug}/people"
    admin = f"anna@{hart.slug}.test"
    person.post(path, person.enter(hart).csrf(path), email=admin, role="admin")
    hart.save(smtp(password="a-very-secret-password"))

    key = hart.key(Scope.SEND)

    eventually(lambda: "issued an API key" in " ".join(mails(hart, admin)))
    told = " ".join(mails(hart, admin))
    assert "tests (send)" in told
    assert key not in told
    assert "a-very-secret-password" not in told


def test_a_long_list_of_keys_has_pages(desk: Desk, hart: Portal) -> None:
    page = desk.page
    path = f"/portals/{hart.slug}/keys"
    for number in range(52):
        hart.call("POST", path, {"name": f"Number {number}", "scopes": ["send"]})

    page.goto(f"{desk.address}/keys")
    first = page.locator("tbody tr").count()
    page.get_by_role("link", name="More keys").click()
    expect(page.locator("tbody")).to_contain_text("Number 51")
    rest = page.locator("tbody tr").count()
    asked = hart.call("GET", f"{path}?limit=50")
    more = hart.call("GET", f"{path}?limit=50&cursor={asked['next_cursor']}")

    assert (first, rest) == (50, 2)
    assert [each["name"] for each in more["items"]] == ["Number 50", "Number 51"]
    assert more["next_cursor"] is None
    assert hart.refused("GET", f"{path}?cursor=x")["status"] == 422
