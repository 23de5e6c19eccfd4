"""A Letterhead that captures all mail, and takes it by SMTP in both ways."""

import itertools
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from letterhead.mail.portal import Scope
from tests.running import Platform, Portal
from tests.servers.certificates import Certificates
from tests.submission.clients import Access

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory, certs: Certificates) -> Iterator[Platform]:
    running = Platform(
        tmp_path_factory.mktemp("door"),
        {
            "LETTERHEAD_DNS_SERVERS": "127.0.0.1:9",  # nobody outside is asked for names
            "LETTERHEAD_SUBMISSIONS_LISTEN": "127.0.0.1:0",
            "LETTERHEAD_CA_FILE": str(certs.authority),
            "LETTERHEAD_TLS_CERT_FILE": str(certs.chain("good")),
            "LETTERHEAD_TLS_KEY_FILE": str(certs.chain("good")),
        },
    )
    yield running
    running.stop()
    assert running.errors() == []


@pytest.fixture
def portal(door: Platform) -> Portal:
    """A portal that nobody has touched yet."""
    return door.portal(f"hart-{next(_numbers)}")


@pytest.fixture(params=["starttls", "tls"])
def way(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def access(door: Platform, portal: Portal, way: str, certs: Certificates) -> Access:
    """The way in for the portal, with a key that may send and nothing else."""
    port = door.http.get("/healthz").json()["submission"][way]
    return Access(port, way == "tls", certs.authority, portal.slug, portal.key(Scope.SEND))


Captured = Callable[[str, int], list[EmailMessage]]


@pytest.fixture
def captured(door: Platform) -> Captured:
    """Waits until so many mails with a subject were captured, and gives them."""

    def find(subject: str, count: int) -> list[EmailMessage]:
        ends = time.monotonic() + 30
        while len(found := _captured(door, subject)) < count:
            assert time.monotonic() < ends, f"{len(found)} of {count}"
            time.sleep(0.05)
        return found

    return find


def _captured(door: Platform, subject: str) -> list[EmailMessage]:
    read = (
        message_from_bytes(each.read_bytes(), policy=policy.default) for each in door.captured()
    )
    return [each for each in read if each["Subject"] == subject]
