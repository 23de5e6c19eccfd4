"""One's own account: the second step, another password, and roles that only their owner takes."""

import re
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from argon2 import PasswordHasher
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from letterhead.actions.passwords import NOBODY
from letterhead.mail.rights import FAILURES_OF_ACCOUNT, FAILURES_OF_CODE
from letterhead.mail.totp import PERIOD
from tests.journeys.pages.people import (
    GOOD,
    WRONG,
    Person,
    fresh_platform,
    links,
    set_up,
)
from tests.journeys.pages.test_accessible import violations
from tests.journeys.settings import eventually
from tests.running import Platform, Portal
from tests.test_cli import Done

LINK = re.compile(r"http\S+/password\?token=[\w-]+")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A Letterhead with an operator."""
    with fresh_platform(tmp_path_factory.mktemp("place")) as running:
        set_up(running)
        yield running


@pytest.fixture(scope="module")
def operator(place: Platform) -> Iterator[Person]:
    made = Person(place)
    assert made.sign_in("op@desk.test").status_code == 303
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def portals(place: Platform) -> dict[str, Portal]:
    return {slug: place.portal(slug) for slug in ("hart", "other")}


@pytest.fixture
def browsing(place: Platform) -> Iterator[Callable[[], Person]]:
    """Makes people with a browser each."""
    made: list[Person] = []

    def one() -> Person:
        made.append(Person(place))
        return made[-1]

    yield one
    for each in made:
        each.http.close()


def invited(operator: Person, portal: Portal, email: str, role: str = "admin") -> str:
    """Add somebody on the page of people; gives the link that they were written."""
    before = len(links(portal, email))
    path = f"/portals/{portal.slug}/people"
    assert operator.post(path, operator.csrf(path), email=email, role=role).status_code == 200
    return eventually(lambda: links(portal, email)[before:])[0]


def with_second_step(person: Person) -> tuple[pyotp.TOTP, list[str]]:
    """Switch the second step on; gives the app, and the recovery codes."""
    csrf = person.csrf("/account")
    begun = person.post("/account/second-step/begin", csrf).text
    secret = re.findall(r'name="secret" value="([A-Z2-7]{32})"', begun)[0]
    app = pyotp.TOTP(secret)
    on = person.post("/account/second-step/on", csrf, secret=secret, code=app.now())
    return app, re.findall(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", on.text)[:10]


def next_code(app: pyotp.TOTP) -> str:
    """A code that was not used yet: that of the next half minute, which clocks may be ahead by."""
    return app.at(time.time() + PERIOD)


def answered(person: Person, email: str, code: str) -> int:
    """Sign in with the right password, and a code."""
    page = person.sign_in(email)
    assert "set-cookie" not in page.headers
    token = re.findall(r'name="token" value="([\w-]+)"', page.text)[0]
    return person.http.post("/sign-in/code", data={"token": token, "code": code}).status_code


def test_the_second_step_is_set_up_and_asked_for(
    operator: Person, portals: dict[str, Portal], page: Page, axe: Axe
) -> None:
    page.goto(invited(operator, portals["hart"], "two@hart.test"))
    page.get_by_label("Password").fill(GOOD)
    press(page, "Save password")
    page.get_by_role("link", name="two@hart.test").click()
    broken = violations(axe, page)

    press(page, "Set up two-step sign-in")
    drawn = page.get_by_alt_text("QR code").evaluate("each => each.complete && each.naturalWidth")
    app = pyotp.TOTP(page.locator("pre").inner_text())
    type_code(page, "000000")
    expect(page.locator("#code-error")).to_contain_text("not the code of this moment")
    broken += violations(axe, page)
    type_code(page, app.now())
    expect(page.locator("#codes")).to_contain_text("-")
    broken += violations(axe, page)
    press(page, "Sign out")
    page.get_by_label("E-mail address").fill("two@hart.test")
    page.get_by_label("Password").fill(GOOD)
    press(page, "Sign in")
    broken += violations(axe, page)
    page.get_by_label("Code of your app").fill(next_code(app))
    press(page, "Sign in")

    expect(page.get_by_role("heading", name="Email Settings", exact=True)).to_be_visible()
    assert drawn
    assert broken == []


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def type_code(page: Page, code: str) -> None:
    page.get_by_label("Code", exact=True).fill(code)
    press(page, "Switch on")


def test_a_code_is_good_once_and_so_is_a_recovery_code(
    operator: Person, portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    email = "once@hart.test"
    person = browsing()
    person.choose(invited(operator, portals["hart"], email))
    app, codes = with_second_step(person)
    code = next_code(app)

    first, replayed = answered(browsing(), email, code), answered(browsing(), email, code)
    recovered = answered(browsing(), email, codes[0].upper().replace("-", " "))
    again = answered(browsing(), email, codes[0])

    assert (first, replayed, recovered, again) == (303, 422, 303, 422)
    assert len(set(codes)) == 10


def test_guessing_codes_is_throttled(
    operator: Person, portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    email = "guessed@hart.test"
    person = browsing()
    person.choose(invited(operator, portals["hart"], email))
    app, codes = with_second_step(person)

    guessed = [answered(person, email, "wrong-code") for _ in range(FAILURES_OF_CODE)]
    right = [answered(person, email, each) for each in (next_code(app), codes[0])]

    assert guessed == [422] * FAILURES_OF_CODE
    assert right == [429, 429]


def test_it_is_switched_off_by_password_and_code_together(
    operator: Person, portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    email = "off@hart.test"
    person = browsing()
    person.choose(invited(operator, portals["hart"], email))
    _, codes = with_second_step(person)
    path, csrf = "/account/second-step/off", person.csrf("/account")

    without = person.post(path, csrf, password=WRONG, code=codes[0])
    wrong = person.post(path, csrf, password=GOOD, code="123456")
    off = person.post(path, csrf, password=GOOD, code=codes[0])

    assert [each.status_code for each in (without, wrong, off)] == [422, 422, 303]
    assert "not your password" in without.text
    assert browsing().sign_in(email).status_code == 303


def test_another_password_ends_every_other_session(
    operator: Person, portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    here, there, path = browsing(), browsing(), "/account/password"
    here.choose(invited(operator, portals["hart"], "pw@hart.test"))
    there.sign_in("pw@hart.test")
    csrf = here.csrf("/account")

    refused = here.post(path, csrf, password=WRONG, new_password="quite another one")
    short = here.post(path, csrf, password=GOOD, new_password="short")
    changed = here.post(path, csrf, password=GOOD, new_password="quite another one")

    assert [each.status_code for each in (refused, short, changed)] == [422, 422, 303]
    assert here.http.get("/account").status_code == 200
    assert there.http.get("/account").headers["location"].startswith("/sign-in")
    assert browsing().sign_in("pw@hart.test").status_code == 422
    assert browsing().sign_in("pw@hart.test", "quite another one").status_code == 303


def test_the_operator_resets_what_somebody_has_lost(
    place: Platform, operator: Person, portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    person, email = browsing(), "lost@hart.test"
    person.choose(invited(operator, portals["hart"], email))
    with_second_step(person)

    done = Done(place.folder / "data", "user", "reset", email, LETTERHEAD_PUBLIC_URL=place.address)
    nobody = Done(place.folder / "data", "user", "reset", "nobody@hart.test")
    ended, old = person.http.get("/account"), browsing().sign_in(email)
    came = browsing().choose(LINK.findall(done.out)[0], "a new long sentence")

    assert (done.code, nobody.code) == (0, 1)
    assert ended.status_code == 303
    assert old.status_code == 422
    assert came.headers["location"] == "/portals"
    assert browsing().sign_in(email, "a new long sentence").status_code == 303


def test_an_admin_does_not_become_operator_by_inviting_one(
    portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    admin, thief = browsing().enter(portals["hart"]), browsing()
    link = invited(admin, portals["hart"], "op@desk.test", "viewer")

    looked, chosen = thief.http.get(link), thief.choose(link, "a stolen sentence")

    for answer in (looked, chosen):
        assert answer.headers["location"].startswith("/sign-in?next=%2Fpassword")
        assert "set-cookie" not in answer.headers
    assert browsing().sign_in("op@desk.test", "a stolen sentence").status_code == 422


def test_who_took_an_address_first_gets_nothing_of_another_portal(
    operator: Person, portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    squatter = browsing()
    squatter.choose(invited(browsing().enter(portals["hart"]), portals["hart"], "jo@it.test"))

    link = invited(operator, portals["other"], "jo@it.test")

    assert squatter.http.get("/portals/hart/email-settings").status_code == 200
    assert squatter.http.get("/portals/other/email-settings").status_code == 404
    assert LINK.fullmatch(link)


def test_somebody_with_an_account_accepts_another_portal(
    operator: Person, portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    person, stranger = browsing(), browsing().enter(portals["other"])
    person.choose(invited(operator, portals["hart"], "both@it.test"))
    link = invited(operator, portals["other"], "both@it.test", "viewer")

    asked = person.http.get(link)
    not_theirs = stranger.http.post(link)
    accepted = person.http.post(link)

    assert "Accept" in asked.text
    assert not_theirs.headers["location"].startswith("/sign-in")
    assert accepted.headers["location"] == "/portals"
    listed = person.http.get("/portals").text
    assert "/portals/hart/email-settings" in listed
    assert "/portals/other/email-settings" in listed
    assert person.http.get("/portals/other/messages").status_code == 200
    assert person.http.get("/portals/other/people").status_code == 403
    assert person.http.get(link).status_code == 404


def test_a_role_that_is_taken_away_ends_the_session(
    operator: Person, portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    person, path = browsing(), "/portals/hart/people"
    person.choose(invited(operator, portals["hart"], "gone@hart.test"))
    before = person.http.get(path)
    row = re.findall(r'name="person" value="(\d+)">\s*<button[^>]*Send gone@', before.text)[0]

    operator.post(f"{path}/remove", operator.csrf(path), person=row)

    assert before.status_code == 200
    assert person.http.get(path).headers["location"].startswith("/sign-in")


def test_many_tries_at_once_are_no_way_round_the_throttle(
    operator: Person, portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    person = browsing()
    person.choose(invited(operator, portals["hart"], "many@hart.test"))

    with ThreadPoolExecutor(20) as threads:
        tried = list(
            threads.map(lambda _: person.sign_in("many@hart.test", WRONG).status_code, range(30))
        )

    assert sorted(tried) == [422] * FAILURES_OF_ACCOUNT + [429] * 20


def test_the_time_of_an_answer_tells_nobody_who_has_an_account(
    operator: Person, portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    person, known = browsing(), "timed@hart.test"
    person.choose(invited(operator, portals["hart"], known))

    def seconds(email: str) -> float:
        begins = time.perf_counter()
        assert person.sign_in(email, WRONG).status_code == 422
        return time.perf_counter() - begins

    pairs = [(seconds(known), seconds(f"nobody{each}@hart.test")) for each in range(7)]
    with_one, without = (statistics.median(each) for each in zip(*pairs, strict=True))

    assert 0.5 < without / with_one < 2  # a look-up alone would take a tenth


def test_nobody_is_compared_as_dearly_as_somebody() -> None:
    assert not PasswordHasher().check_needs_rehash(NOBODY)


def test_who_came_by_a_link_has_no_account(
    portals: dict[str, Portal], browsing: Callable[[], Person]
) -> None:
    guest = browsing().enter(portals["hart"])
    path = "/portals/hart/email-settings"

    assert guest.http.get("/account").status_code == 403
    assert guest.post("/account/second-step/begin", guest.csrf(path)).status_code == 403
