"""Sign in by an identity provider: a real one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.journeys.pages.people import Person, fresh_platform, set_up
from tests.running import Platform
from tests.servers import daemons, openid
from tests.test_cli import Done

BEGIN = "/sign-in/provider"
FOREIGN = "not begun here"


@dataclass(frozen=True)
class Place:
    platform: Platform
    provider: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A Letterhead beside a provider: op@ has a password, ann@ and unverified@ have none."""
    openid.demand()
    folder, port = tmp_path_factory.mktemp("elsewhere"), daemons.free_port()
    issuer = f"http://127.0.0.1:{port}"
    settings = {
        "LETTERHEAD_OIDC_ISSUER": issuer,
        "LETTERHEAD_OIDC_CLIENT_ID": openid.CLIENT,
        "LETTERHEAD_OIDC_CLIENT_SECRET": openid.SECRET,
        "LETTERHEAD_OIDC_NAME": "Desk Login",
    }
    with fresh_platform(folder, **settings) as running:
        set_up(running)
        for email in ("Ann@desk.test", "unverified@desk.test"):
            added = Done(folder / "data", "user", "add", email, "--role", "operator")
            assert added.code == 0
        back = f"{running.address}/sign-in/provider/back"
        provider = openid.start(port, back, folder / "provider.log")
        yield Place(running, issuer)
        daemons.end(provider)


@pytest.fixture
def person(place: Place) -> Iterator[Person]:
    made = Person(place.platform)
    yield made
    made.http.close()


def sent_back(person: Person, **typed: str) -> str:
    """Go to the provider and sign in there; gives where it sends the browser."""
    page = person.http.get(BEGIN, params={"next": "/portals?after=a"}, follow_redirects=True)
    asked = person.http.post(page.url, data=typed)
    while "/sign-in/provider/back" not in asked.headers["location"]:
        asked = person.http.get(page.url.join(asked.headers["location"]))
    return asked.headers["location"]


def test_somebody_without_a_password_comes_in_by_the_provider(place: Place, page: Page) -> None:
    page.goto(f"{place.platform.address}/portals?after=a")
    page.get_by_role("link", name="Sign in with Desk Login").click()
    page.get_by_label("E-mail address").fill("ann@desk.test")
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", name="Portals", exact=True)).to_be_visible()
    assert page.url.endswith("/portals?after=a")
    page.get_by_role("link", name="ann@desk.test").click()
    expect(page.get_by_text("You sign in elsewhere")).to_be_visible()


def test_state_nonce_and_challenge_are_fresh_each_time(person: Person) -> None:
    asked = [parse_qs(urlsplit(person.http.get(BEGIN).headers["location"]).query) for _ in range(2)]

    for each in asked:
        assert each["code_challenge_method"] == ["S256"]
        assert each["response_type"] == ["code"]
    for name in ("state", "nonce", "code_challenge"):
        (one,), (other,) = (each[name] for each in asked)
        assert one != other
        assert len(one) >= 43


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"email": "stranger@desk.test"}, "Nobody has added stranger@desk.test here"),
        ({"email": "unverified@desk.test"}, "not say that your e-mail address is verified"),
        ({"deny": "1"}, "Desk Login did not let you in"),
    ],
)
def test_nobody_else_comes_in(person: Person, typed: dict[str, str], says: str) -> None:
    answer = person.http.get(sent_back(person, **typed))

    assert answer.status_code == 403
    assert says in answer.text
    assert "<b>No</b>" not in answer.text
    assert person.http.get("/portals").status_code == 303


def test_an_answer_is_taken_once(person: Person) -> None:
    back = sent_back(person, email="ann@desk.test")

    first, again = person.http.get(back), person.http.get(back)

    assert first.headers["location"] == "/portals?after=a"
    assert again.status_code == 403
    assert FOREIGN in again.text


def test_an_answer_is_for_the_browser_that_began(person: Person, place: Place) -> None:
    back = sent_back(person, email="ann@desk.test")

    stolen = httpx.get(back)
    own = person.http.get(back)

    assert stolen.status_code == 403
    assert FOREIGN in stolen.text
    assert "letterhead=" not in stolen.headers.get("set-cookie", "")
    assert own.status_code == 303


def test_the_answer_to_another_sign_in_is_refused(person: Person, place: Place) -> None:
    """Else somebody could be signed in as who has prepared the answer."""
    attacker = Person(place.platform)
    prepared = sent_back(attacker, email="ann@desk.test")
    person.http.get(BEGIN)

    answer = person.http.get(prepared)
    attacker.http.close()

    assert answer.status_code == 403
    assert FOREIGN in answer.text


def test_another_providers_answer_is_refused(person: Person) -> None:
    back = sent_back(person, email="ann@desk.test")

    answer = person.http.get(re.sub("iss=[^&]+", "iss=http%3A%2F%2Fevil.test", back))

    assert answer.status_code == 403
    assert FOREIGN in answer.text


def test_the_way_back_leads_to_no_other_site(person: Person) -> None:
    page = person.http.get(BEGIN, params={"next": "//evil.test"}, follow_redirects=True)
    asked = person.http.post(page.url, data={"email": "ann@desk.test"})
    while asked.is_redirect and "/portals" not in asked.headers["location"]:
        asked = person.http.get(page.url.join(asked.headers["location"]))

    assert asked.headers["location"] == "/portals"


def test_without_a_provider_there_is_no_such_page(hart: object, platform: Platform) -> None:
    assert platform.http.get(BEGIN).status_code == 404
    assert "Sign in with" not in platform.http.get("/sign-in").text
