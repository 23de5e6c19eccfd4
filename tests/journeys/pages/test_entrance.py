"""Who comes in, who does not, and what each sees."""

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from letterhead.mail.portal import Scope
from letterhead.mail.rights import FAILURES_OF_ACCOUNT
from letterhead.web.app import ROUTES, SEGMENTS
from tests.forms import smtp
from tests.journeys.pages.desk import Desk
from tests.journeys.pages.people import GOOD, WRONG, Person, fresh_platform, set_up_link
from tests.running import Platform, Portal


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A Letterhead where nobody has been yet."""
    with fresh_platform(tmp_path_factory.mktemp("fresh")) as running:
        yield running


def test_the_first_operator_comes_in_by_a_link_that_works_once(fresh: Platform, page: Page) -> None:
    link = set_up_link(fresh)

    page.goto(link)
    page.get_by_label("E-mail address").fill("op@desk.test")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Set up").click()
    expect(page.locator("#password-error")).to_contain_text("12 characters")
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_text("No portal yet")).to_be_visible()
    page.get_by_label("Name of the firm").fill("Hart & Co")
    page.get_by_label("Short name").fill("hart")
    page.get_by_role("button", name="Add portal").click()
    expect(page.get_by_role("heading", name="Email Settings")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("E-mail address").fill("OP@desk.test")
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Portals", exact=True)).to_be_visible()
    assert httpx.get(link).status_code == 404


def test_after_the_set_up_no_link_is_made_any_more(fresh: Platform) -> None:
    form = {"email": "op@desk.test", "password": GOOD}
    assert httpx.post(set_up_link(fresh), data=form).status_code == 303
    fresh.stop()

    fresh.start()

    assert "Set up" not in fresh.said.read_text()


def test_sign_in_is_throttled_and_tells_nobody_who_has_an_account(fresh: Platform) -> None:
    httpx.post(set_up_link(fresh), data={"email": "op@desk.test", "password": GOOD})

    def attempt(email: str, password: str) -> httpx.Response:
        form = {"email": email, "password": password}
        return httpx.post(f"{fresh.address}/sign-in", data=form)

    known, unknown = attempt("op@desk.test", WRONG), attempt("no@desk.test", WRONG)
    for _ in range(FAILURES_OF_ACCOUNT - 1):
        attempt("op@desk.test", WRONG)
    throttled = attempt("op@desk.test", GOOD)

    assert (known.status_code, unknown.status_code) == (422, 422)
    assert known.text.replace("op@", "no@") == unknown.text
    assert throttled.status_code == 429
    assert "set-cookie" not in throttled.headers


def test_the_one_time_address_works_once(hart: Portal, person: Person) -> None:
    guest = {"email": "jo@hart.test", "role": "admin", "ttl": 600}
    url = hart.call("POST", f"/portals/{hart.slug}/sessions", guest)["url"]

    first, second = person.http.get(url), httpx.get(url)

    assert first.headers["location"] == f"/portals/{hart.slug}/email-settings"
    assert "httponly" in first.headers["set-cookie"].lower()
    assert second.status_code == 404


def test_a_session_ends_with_its_time(hart: Portal, person: Person) -> None:
    person.enter(hart, ttl=1)
    path = f"/portals/{hart.slug}/email-settings"

    time.sleep(1.1)

    assert person.http.get(path).headers["location"].startswith("/sign-in?next=")


def test_who_signs_out_leaves_no_session_behind(
    hart: Portal, person: Person, guest: Person
) -> None:
    person.enter(hart)
    path = f"/portals/{hart.slug}/email-settings"
    guest.http.cookies.update(person.http.cookies)  # somebody has copied them

    before = guest.http.get(path)
    out = person.post("/sign-out", person.csrf(path))
    after = [each.http.get(path) for each in (person, guest)]

    assert (before.status_code, out.headers["location"]) == (200, "/sign-in")
    assert [each.status_code for each in after] == [303, 303]


@pytest.mark.parametrize(
    ("field", "value"),
    [("ttl", 0), ("ttl", 10**30), ("role", "operator"), ("role", "god"), ("email", "nobody")],
)
def test_an_address_for_nobody_is_not_made(hart: Portal, field: str, value: object) -> None:
    guest = {"email": "jo@hart.test", "role": "admin", "ttl": 600, field: value}

    problem = hart.refused("POST", f"/portals/{hart.slug}/sessions", guest)

    assert (problem["status"], problem["errors"][0]["field"]) == (422, field)


def pages() -> list[tuple[str, str]]:
    """Every page below a portal."""
    return [
        (method, route.path)
        for route in ROUTES
        for method in (route.methods or set()) - {"HEAD"}
        if "{slug}" in route.path
    ]


@pytest.mark.parametrize(("method", "path"), pages())
def test_another_portals_pages_are_not_there(
    hart: Portal, other: Portal, person: Person, method: str, path: str
) -> None:
    person.enter(hart)
    found = path.format(slug=other.slug, id="0" * 32, action="cancel")

    assert person.http.request(method, found).status_code == 404
    assert httpx.request(method, f"{hart.platform.address}{found}").status_code == 303


def test_every_page_is_known_to_the_door() -> None:
    assert {each.path.split("/")[1] for each in ROUTES} | {"static"} == SEGMENTS


def test_a_form_of_another_site_is_refused(hart: Portal, person: Person) -> None:
    person.enter(hart)
    path = f"/portals/{hart.slug}/email-settings"
    csrf = person.csrf(path)

    without = person.http.post(path, data={"type": "default"})
    foreign = person.http.post(
        path, data={"csrf": csrf, "type": "default"}, headers={"Origin": "https://evil.test"}
    )
    cross = person.http.post(
        path, data={"csrf": csrf, "type": "default"}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert [each.status_code for each in (without, foreign, cross)] == [403, 403, 403]
    assert hart.settings()["next"] is None


def test_a_viewer_changes_nothing(hart: Portal, person: Person) -> None:
    person.enter(hart, "viewer")
    path = f"/portals/{hart.slug}/email-settings"
    csrf = person.csrf(path)

    saved = person.post(path, csrf, type="default", from_name="Other")

    assert saved.status_code == 403
    assert hart.settings()["next"] is None
    assert person.http.get(f"/portals/{hart.slug}/messages").status_code == 200


def test_a_consultants_pass_opens_email_settings_until_it_is_revoked(
    desk: Desk, hart: Portal, person: Person
) -> None:
    desk.press("Make a pass")
    link = desk.page.locator("#pass pre").inner_text()
    assert person.http.get(link).status_code == 303
    path = f"/portals/{hart.slug}/email-settings"
    csrf = person.csrf(path)
    form = {key: str(value) for key, value in smtp().items()}

    saved = person.post(path, csrf, **form)
    switched = person.post(f"{path}/switch-on", csrf, **{**form, "password": ""})
    log = person.http.get(f"/portals/{hart.slug}/messages")
    desk.open().press("Revoke")
    expect(desk.button("Revoke")).to_have_count(0)
    after = person.http.get(path)

    assert saved.status_code == 303
    assert (switched.status_code, log.status_code) == (403, 403)
    assert hart.settings()["live"]["type"] == "default"
    assert (after.status_code, httpx.get(link).status_code) == (303, 404)


def test_pages_forbid_scripts_and_frames_of_others(hart: Portal, person: Person) -> None:
    answer = person.enter(hart).http.get(f"/portals/{hart.slug}/email-settings")

    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(
        r"<script>|<style| style=| onclick=|https?://[^\"]+\.(js|css)", answer.text
    )
    assert answer.headers["cache-control"] == "no-store"


def test_a_stored_password_is_never_shown(hart: Portal, person: Person) -> None:
    hart.save(smtp(password="a-very-secret-password"))

    text = person.enter(hart).http.get(f"/portals/{hart.slug}/email-settings").text

    assert "a-very-secret-password" not in text
    assert "Leave it empty to keep it" in text


@pytest.mark.parametrize("path", ["//evil.test", "https://evil.test", "/\\evil.test", "evil"])
def test_signing_in_leads_to_no_other_site(fresh: Platform, path: str) -> None:
    httpx.post(set_up_link(fresh), data={"email": "op@desk.test", "password": GOOD})
    form = {"email": "op@desk.test", "password": GOOD, "next": path}

    assert httpx.post(f"{fresh.address}/sign-in", data=form).headers["location"] == "/portals"


def test_a_key_is_shown_once_and_can_be_revoked(desk: Desk, hart: Portal) -> None:
    page = desk.page
    page.get_by_role("link", name="API keys").click()
    page.get_by_label("What it is for").fill("the shop")
    desk.press("Make a key")
    key = page.locator("[role=status] pre").inner_text()
    headers = {"Authorization": f"Bearer {key}"}
    address = f"{hart.platform.address}/v1/messages"

    before = httpx.get(address, headers=headers)
    page.get_by_role("button", name="Revoke the shop").click()
    expect(page.get_by_text("No key yet")).to_be_visible()
    after = httpx.get(address, headers=headers)

    assert (before.status_code, after.status_code) == (200, 401)
    assert key not in page.content()


def test_an_address_is_suppressed_and_written_to_again(desk: Desk, hart: Portal) -> None:
    page = desk.page
    page.get_by_role("link", name="Suppressions").click()
    page.get_by_label("Do not write to").fill("anna@client.test")
    desk.press("Suppress")
    listed = hart.call("GET", "/suppressions")["items"]

    page.get_by_role("button", name="Write to anna@client.test again").click()
    expect(page.get_by_text("Everybody is written to")).to_be_visible()

    assert [each["email"] for each in listed] == ["anna@client.test"]
    assert hart.call("GET", "/suppressions")["items"] == []


def test_nobody_revokes_or_removes_what_another_portal_has(
    hart: Portal, other: Portal, person: Person
) -> None:
    other.key(Scope.SEND)
    (kept,) = hart.call("GET", f"/portals/{other.slug}/keys")["items"]
    path = f"/portals/{hart.slug}/keys"
    csrf = person.enter(hart).csrf(path)

    revoked = person.post(f"{path}/revoke", csrf, key=str(kept["id"]))

    assert revoked.status_code == 404
    assert hart.call("GET", f"/portals/{other.slug}/keys")["items"] == [kept]
