"""Somebody with a browser that keeps cookies, and reads no scripts."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

import httpx

from tests.journeys.settings import eventually
from tests.running import Platform, Portal

GOOD, WRONG = "a good long sentence", "another long sentence"


class Person:
    """One person with a browser of their own."""

    def __init__(self, platform: Platform) -> None:
        self.http = httpx.Client(
            base_url=platform.address, follow_redirects=False, verify=platform.trust, timeout=60
        )

    def enter(self, portal: Portal, role: str = "admin", ttl: int = 600) -> "Person":
        guest = {"email": f"{role}@hart.test", "role": role, "ttl": ttl}
        url = portal.call("POST", f"/portals/{portal.slug}/sessions", guest)["url"]
        assert self.http.get(url).status_code == 303
        return self

    def sign_in(self, email: str, password: str = GOOD) -> httpx.Response:
        return self.http.post("/sign-in", data={"email": email, "password": password})

    def choose(self, link: str, password: str = GOOD) -> httpx.Response:
        """Choose a password by a link."""
        return self.http.post(link, data={"password": password})

    def csrf(self, path: str) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.http.get(path).text)
        assert found
        return found[1]

    def post(self, path: str, csrf: str, **form: str) -> httpx.Response:
        return self.http.post(path, data={"csrf": csrf, **form})


@contextmanager
def fresh_platform(folder: Path, **settings: str) -> Iterator[Platform]:
    """A Letterhead where nobody has been yet."""
    running = Platform(folder, {"LETTERHEAD_DNS_SERVERS": "127.0.0.1:9", **settings})
    try:
        yield running
    finally:
        running.stop()
    assert running.errors() == []


def set_up_link(fresh: Platform) -> str:
    found = re.search(r"Set up the first operator: (\S+)", fresh.said.read_text())
    assert found
    return found[1]


def set_up(fresh: Platform, email: str = "op@desk.test") -> None:
    form = {"email": email, "password": GOOD}
    assert httpx.post(set_up_link(fresh), data=form).status_code == 303


def mails(portal: Portal, to: str) -> list[str]:
    """What the platform wrote somebody, the oldest first."""
    read = [
        message_from_bytes(each.read_bytes(), policy=policy.default)
        for each in portal.platform.captured()
    ]
    return [each.get_content() for each in read if each["X-Letterhead-Envelope-To"] == to]


def links(portal: Portal, to: str) -> list[str]:
    """The links that somebody was written, the oldest first."""
    return [link for mail in mails(portal, to) for link in re.findall(r"http\S+token=\S+", mail)]


def link_for(portal: Portal, to: str) -> str:
    """The last link that somebody was written."""
    return eventually(lambda: links(portal, to))[-1]
