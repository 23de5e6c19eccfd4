"""The doors of HTTP: TLS of their own, and proxies that are believed or not."""

import shutil
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from letterhead.mail.rights import FAILURES_OF_ADDRESS
from tests.running import Platform, Portal
from tests.servers.certificates import Certificates

QUIET = {"LETTERHEAD_DNS_SERVERS": "127.0.0.1:9"}


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Platform]:
    made = Platform(folder, {**QUIET, **settings})
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def chain(tmp_path: Path, certs: Certificates) -> Path:
    """A certificate file of the test's own."""
    made = tmp_path / "chain.pem"
    shutil.copy(certs.chain("good"), made)
    return made


@pytest.fixture
def behind_tls(tmp_path: Path, certs: Certificates, chain: Path) -> Iterator[Platform]:
    tls = dict.fromkeys(("LETTERHEAD_TLS_CERT_FILE", "LETTERHEAD_TLS_KEY_FILE"), str(chain))
    tls["LETTERHEAD_CA_FILE"] = str(certs.authority)
    with running(tmp_path, LETTERHEAD_PUBLIC_URL="https://localhost:0", **tls) as made:
        yield made


def entered(portal: Portal, **headers: str) -> httpx.Response:
    guest = {"email": "jo@hart.test", "role": "admin", "ttl": 600}
    url = portal.call("POST", f"/portals/{portal.slug}/sessions", guest)["url"]
    path = url.partition("/enter")[2]
    return portal.platform.http.get(f"/enter{path}", headers=headers)


def serial(platform: Platform) -> bytes | None:
    """The certificate that is shown at the moment."""
    where = ("127.0.0.1", int(platform.address.rpartition(":")[2]))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(where) as plain, context.wrap_socket(plain) as wrapped:
        return wrapped.getpeercert(binary_form=True)


def test_behind_our_own_tls_the_cookie_belongs_to_this_host_alone(behind_tls: Platform) -> None:
    answer = entered(behind_tls.portal("hart"))

    assert answer.headers["set-cookie"].startswith("__Host-letterhead=")
    assert set(answer.headers["set-cookie"].split("; ")[1:]) == {
        *("Path=/", "HttpOnly", "SameSite=Lax", "Secure")
    }
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_old_tls_is_not_spoken(behind_tls: Platform) -> None:
    where = ("127.0.0.1", int(behind_tls.address.rpartition(":")[2]))
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1

    with socket.create_connection(where) as plain, pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(plain)


def test_a_renewed_certificate_is_taken_and_a_broken_one_is_not(
    behind_tls: Platform, certs: Certificates, chain: Path
) -> None:
    first = serial(behind_tls)

    shutil.copy(certs.chain("wrongname"), chain)
    behind_tls.process.send_signal(signal.SIGHUP)
    ends = time.monotonic() + 10
    while (second := serial(behind_tls)) == first and time.monotonic() < ends:
        time.sleep(0.05)
    chain.write_text("no certificate")
    behind_tls.process.send_signal(signal.SIGHUP)
    while not behind_tls.errors() and time.monotonic() < ends:
        time.sleep(0.05)

    assert second != first
    assert serial(behind_tls) == second
    assert "certificate not renewed" in behind_tls.errors()[0]


def wrong(platform: Platform, number: int, forwarded: str) -> int:
    form = {"email": f"nobody{number}@desk.test", "password": "a wrong sentence"}
    headers = {"X-Forwarded-For": forwarded}
    return platform.http.post("/sign-in", data=form, headers=headers).status_code


def test_nobody_escapes_the_throttle_by_saying_another_address(tmp_path: Path) -> None:
    with running(tmp_path) as platform:
        tried = [
            wrong(platform, each, f"198.51.100.{each}") for each in range(FAILURES_OF_ADDRESS + 1)
        ]
        told = entered(platform.portal("hart"), **{"X-Forwarded-Proto": "https"})

    assert tried == [422] * FAILURES_OF_ADDRESS + [429]
    assert told.headers["set-cookie"].startswith("letterhead=")
    assert "strict-transport-security" not in told.headers


def test_a_trusted_proxy_says_who_comes_and_how(tmp_path: Path) -> None:
    with running(tmp_path, LETTERHEAD_TRUSTED_PROXIES="127.0.0.1") as platform:
        tried = [
            wrong(platform, each, f"203.0.113.{each}, 198.51.100.7")  # the first one is made up
            for each in range(FAILURES_OF_ADDRESS + 1)
        ]
        another = wrong(platform, 99, "198.51.100.8")
        told = entered(platform.portal("hart"), **{"X-Forwarded-Proto": "https"})

    assert tried == [422] * FAILURES_OF_ADDRESS + [429]
    assert another == 422
    assert told.headers["set-cookie"].startswith("__Host-letterhead=")
    assert told.headers["strict-transport-security"]
