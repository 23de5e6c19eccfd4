"""Pages within a page of the platform: where the operator lists it, and nowhere else."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.forms import message
from tests.running import Platform, Portal
from tests.servers.certificates import Certificates

_numbers = itertools.count(1)


class Host:
    """A page of another site that frames whatever it is told to."""

    def __init__(self) -> None:
        self.framed = ""
        host = self

        class Show(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(f"<h1>App</h1><iframe src='{host.framed}'></iframe>".encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Show)
        self.site = f"http://127.0.0.1:{self.server.server_port}"

    def show(self, page: Page, url: str) -> FrameLocator:
        self.framed = url
        page.goto(self.site)
        return page.frame_locator("iframe")


@contextmanager
def hosting() -> Iterator[Host]:
    host = Host()
    thread = Thread(target=host.server.serve_forever)
    thread.start()
    yield host
    host.server.shutdown()
    thread.join()
    host.server.server_close()


@pytest.fixture(scope="module")
def listed() -> Iterator[Host]:
    with hosting() as host:
        yield host


@pytest.fixture(scope="module")
def unlisted() -> Iterator[Host]:
    with hosting() as host:
        yield host


@pytest.fixture(scope="module")
def framable(
    tmp_path_factory: pytest.TempPathFactory, certs: Certificates, listed: Host
) -> Iterator[Platform]:
    """Behind TLS at `localhost`, which is another site than 127.0.0.1."""
    running = Platform(
        tmp_path_factory.mktemp("framable"),
        {
            "LETTERHEAD_DNS_SERVERS": "127.0.0.1:9",
            "LETTERHEAD_TLS_CERT_FILE": str(certs.chain("good")),
            "LETTERHEAD_TLS_KEY_FILE": str(certs.chain("good")),
            "LETTERHEAD_CA_FILE": str(certs.authority),
            "LETTERHEAD_PUBLIC_URL": "https://localhost:0",
            "LETTERHEAD_FRAME_ANCESTORS": listed.site,
        },
    )
    yield running
    running.stop()
    assert running.errors() == []


@pytest.fixture
def framed(framable: Platform) -> Portal:
    """A portal that nobody has touched yet."""
    return framable.portal(f"hart-{next(_numbers)}")


@pytest.fixture
def window(chromium: Browser) -> Iterator[Page]:
    """A browser that takes the certificate of the tests."""
    made = chromium.new_context(ignore_https_errors=True)
    yield made.new_page()
    made.close()


def entry(portal: Portal, ttl: int = 600) -> str:
    guest = {"email": "jo@hart.test", "role": "admin", "ttl": ttl}
    url: str = portal.call("POST", f"/portals/{portal.slug}/sessions", guest)["url"]
    return url


def test_a_listed_page_frames_the_settings_which_work_there(
    framed: Portal, listed: Host, window: Page
) -> None:
    inside = listed.show(window, entry(framed))
    expect(inside.get_by_role("heading", name="Email Settings", exact=True)).to_be_visible()
    expect(inside.get_by_role("button", name="Sign out")).to_have_count(0)

    inside.get_by_label("Reply-To").fill("office@hart.test")
    inside.get_by_role("button", name="Save", exact=True).last.click()

    expect(inside.locator("#standing")).to_contain_text("Ready to switch on")
    assert framed.settings()["next"]["reply_to"] == "office@hart.test"


def test_the_cage_of_a_message_stands_in_the_frame_too(
    framed: Portal, listed: Host, window: Page
) -> None:
    sent = framed.send(message("Styled", html="<p>Dear <b>Anna</b></p>"))
    expect(listed.show(window, entry(framed)).locator("h1")).to_be_visible()

    inside = listed.show(
        window, f"{framed.platform.address}/portals/{framed.slug}/messages/{sent}/body"
    )

    expect(inside.frame_locator("iframe").get_by_text("Anna")).to_be_visible()


def test_nobody_else_frames_anything(framed: Portal, unlisted: Host, window: Page) -> None:
    said: list[str] = []
    window.on("console", lambda each: said.append(each.text))

    inside = unlisted.show(window, entry(framed))
    window.wait_for_load_state("networkidle")

    expect(inside.get_by_role("heading")).to_have_count(0)
    assert any("frame-ancestors" in each or "Framing" in each for each in said), said


@pytest.mark.parametrize("path", ["/sign-in", "/set-up", "/password"])
def test_where_passwords_are_typed_nobody_frames(framable: Platform, path: str) -> None:
    policy = framable.http.get(path).headers["content-security-policy"]

    assert policy.endswith("frame-ancestors 'none'")


def test_in_a_frame_nobody_is_asked_for_a_password(
    framed: Portal, listed: Host, window: Page
) -> None:
    inside = listed.show(window, f"{framed.platform.address}/portals/{framed.slug}/email-settings")

    expect(inside.get_by_role("heading")).to_contain_text("not signed in here any more")
    expect(inside.get_by_label("Password")).to_have_count(0)


def test_in_a_frame_the_cookie_is_kept_to_frames_of_that_site(framed: Portal) -> None:
    def cookie(dest: str) -> str:
        headers = {"Sec-Fetch-Dest": dest}
        answer = framed.platform.http.get(entry(framed), headers=headers)
        return str(answer.headers["set-cookie"])

    assert cookie("iframe").startswith("__Host-letterhead=")
    assert cookie("iframe").endswith("; HttpOnly; SameSite=None; Partitioned; Secure")
    assert cookie("document").endswith("; HttpOnly; SameSite=Lax; Secure")


def test_without_a_list_a_frame_changes_nothing(hart: Portal) -> None:
    headers = {"Sec-Fetch-Dest": "iframe"}
    answer = hart.platform.http.get(entry(hart), headers=headers)

    assert answer.headers["set-cookie"].endswith("; HttpOnly; SameSite=Lax")
    assert answer.headers["content-security-policy"].endswith("frame-ancestors 'none'")
