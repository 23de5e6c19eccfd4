"""A real Chromium that looks at the pages of a running Letterhead."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.journeys.pages.desk import Desk
from tests.journeys.pages.people import Person
from tests.running import Platform, Portal
from tests.servers import daemons

_OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-component-update", "--disable-sync", "--disable-quic"),
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    daemons.demand("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=list(_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(locale="en-GB", timezone_id="Europe/Berlin")
    yield made
    made.close()


@pytest.fixture
def plain(chromium: Browser) -> Iterator[Page]:
    """A browser that runs no scripts."""
    made = chromium.new_context(java_script_enabled=False)
    yield made.new_page()
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page; whatever its scripts or its policy complain of fails the test."""
    opened = context.new_page()
    opened.on("pageerror", lambda error: pytest.fail(f"a script broke: {error}"))
    return opened


@pytest.fixture
def desk(hart: Portal, page: Page) -> Desk:
    """The Email Settings of a new portal, open before its admin."""
    return Desk(hart, page).enter()


@pytest.fixture
def plain_desk(hart: Portal, plain: Page) -> Desk:
    """The same without JavaScript."""
    return Desk(hart, plain).enter()


@pytest.fixture
def operator(platform: Platform, hart: Portal, page: Page) -> Desk:
    """The pages of a portal, before somebody who runs the service."""
    email = f"op@{hart.slug}.test"
    made = platform.command("user", "add", email, "--role", "operator")
    page.goto(f"{platform.address}/password?token={made.partition('token=')[2].strip()}")
    page.get_by_label("Password").fill("a good long sentence")
    page.get_by_role("button", name="Save password").click()
    return Desk(hart, page)


@pytest.fixture(scope="session")
def axe() -> Axe:
    return Axe()


@pytest.fixture
def person(platform: Platform) -> Iterator[Person]:
    made = Person(platform)
    yield made
    made.http.close()


@pytest.fixture
def guest(platform: Platform) -> Iterator[Person]:
    """Somebody else."""
    made = Person(platform)
    yield made
    made.http.close()
