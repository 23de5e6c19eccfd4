"""Programs that people use drive the door, with STARTTLS and under TLS from the first byte."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from letterhead.mail.message import MESSAGE_LIMIT
from letterhead.mail.portal import Scope
from tests.running import KEY, Portal
from tests.submission.clients import (
    CLIENTS,
    Access,
    Client,
    Letter,
    with_curl,
    with_nodemailer,
    with_smtplib,
)
from tests.submission.conftest import Captured
from tests.submission.tunnel import tunnel

STARTTLS = pytest.mark.parametrize("way", ["starttls"], indirect=True)
TLS = pytest.mark.parametrize("way", ["tls"], indirect=True)
LETTER = Letter("A letter", ["anna@client.test", "bob@client.test"], ["secret@client.test"])


@pytest.fixture(params=CLIENTS, ids=str)
def client(request: pytest.FixtureRequest) -> Client:
    return CLIENTS[request.param]


def named(portal: Portal, **changes: object) -> Letter:
    """The letter with a subject of this test's own."""
    return replace(LETTER, subject=f"Grüße an {portal.slug}", **changes)  # type: ignore[arg-type]


def kept(portal: Portal) -> int:
    return len(portal.call("GET", "/messages")["items"])


def test_a_letter_arrives_and_bcc_is_honoured(
    client: Client, access: Access, portal: Portal, captured: Captured, tmp_path: Path
) -> None:
    letter = named(portal)

    outcome = client(access, letter, tmp_path)

    assert outcome.ok, outcome.said
    mails = captured(letter.subject, 3)
    assert {each["X-Letterhead-Envelope-To"] for each in mails} == set(letter.everybody)
    assert kept(portal) == 1
    for mail in mails:
        assert str(mail["From"]) == "Hart & Co via Desk <no-reply@desk.test>"
        assert (str(mail["To"]), mail["Bcc"]) == ("anna@client.test, bob@client.test", None)
        text = mail.get_content().replace("\r\n", "\n")
        assert text.rstrip("\n") == letter.text.rstrip("\n")  # swaks ends it once more
        assert "@desk.test>" in mail["Message-ID"]


def _revoked(portal: Portal) -> str:
    key = portal.key(Scope.SEND)
    keys = portal.call("GET", f"/portals/{portal.slug}/keys")["items"]
    path = f"/v1/portals/{portal.slug}/keys/{keys[-1]['id']}"
    assert portal.platform.http.delete(path).status_code == 204
    return key


def _of_another(portal: Portal) -> str:
    return portal.platform.portal(f"another-than-{portal.slug}").key(Scope.SEND)


KEYS: Mapping[str, Callable[[Portal], str]] = {
    "wrong": lambda _: "lh_wrong",
    "revoked": _revoked,
    "another portal's": _of_another,
    "may not send": lambda portal: portal.key(Scope.READ),
    "none": lambda _: "",
}


@STARTTLS
@pytest.mark.parametrize("case", KEYS)
def test_without_the_portal_s_own_key_nothing_is_taken(
    client: Client, access: Access, portal: Portal, case: str, tmp_path: Path
) -> None:
    outcome = client(replace(access, key=KEYS[case](portal)), named(portal), tmp_path)

    assert not outcome.ok
    assert kept(portal) == 0


@STARTTLS
def test_another_portal_s_from_is_refused_where_the_portal_says_so(
    client: Client, access: Access, portal: Portal, captured: Captured, tmp_path: Path
) -> None:
    path = f"/portals/{portal.slug}/submission"
    portal.call("PUT", path, {"refuses_foreign_from": True})

    foreign = client(access, named(portal, sender="office@other.test"), tmp_path)
    own = client(access, named(portal, sender="no-reply@DESK.test"), tmp_path)

    assert not foreign.ok
    assert own.ok, own.said
    assert kept(portal) == 1
    assert len(captured(named(portal).subject, 3)) == 3


@STARTTLS
def test_the_platform_s_key_opens_every_portal(
    access: Access, portal: Portal, tmp_path: Path
) -> None:
    outcome = with_smtplib(replace(access, key=KEY), named(portal), tmp_path)

    assert outcome.ok, outcome.said
    assert kept(portal) == 1


@STARTTLS
def test_what_is_handed_in_twice_under_one_key_is_sent_once(
    access: Access, portal: Portal, captured: Captured, tmp_path: Path
) -> None:
    letter = named(portal, fields={"X-Letterhead-Idempotency-Key": "invoice-7"})

    once, twice = (with_smtplib(access, letter, tmp_path) for _ in range(2))
    other = with_smtplib(access, replace(letter, text="Something else\n"), tmp_path)

    assert once.ok, once.said
    assert twice.ok, twice.said
    assert not other.ok
    assert kept(portal) == 1
    assert all(not each["X-Letterhead-Idempotency-Key"] for each in captured(letter.subject, 3))


@STARTTLS
def test_mail_of_the_platform_itself_needs_the_platform_s_key(
    access: Access, portal: Portal, captured: Captured, tmp_path: Path
) -> None:
    letter = named(portal, fields={"X-Letterhead-Class": "system"})

    refused = with_smtplib(access, letter, tmp_path)
    taken = with_smtplib(replace(access, key=KEY), letter, tmp_path)

    assert not refused.ok
    assert taken.ok, taken.said
    assert [each["class"] for each in portal.call("GET", "/messages")["items"]] == ["system"]
    assert all(not each["X-Letterhead-Class"] for each in captured(letter.subject, 3))


@STARTTLS
def test_a_hundred_recipients_are_one_message(
    client: Client, access: Access, portal: Portal, tmp_path: Path
) -> None:
    everybody = [f"client{at}@client.test" for at in range(100)]

    outcome = client(access, named(portal, to=everybody, bcc=[]), tmp_path)

    assert outcome.ok, outcome.said
    (message,) = portal.call("GET", "/messages")["items"]
    assert {each["email"] for each in message["recipients"]} == set(everybody)


def of_size(octets: int) -> bytes:
    """A message of so many octets on the wire."""
    top = b"From: shop@firm.test\nSubject: Long\n\n"
    line = b"x" * 98 + b"\n"
    left = octets - len(top) - top.count(b"\n")
    return top + line * (left // 100) + b"y" * (left % 100 - 2) + b"\n"


def test_25_mb_are_taken(access: Access, portal: Portal, tmp_path: Path) -> None:
    letter = named(portal, octets=of_size(MESSAGE_LIMIT))

    outcome = with_curl(access, letter, tmp_path)

    assert outcome.ok, outcome.said[-500:]
    assert kept(portal) == 1


@STARTTLS
def test_a_program_that_knows_no_limit_sends_20_mb(
    access: Access, portal: Portal, tmp_path: Path
) -> None:
    letter = named(portal, text=("z" * 70 + "\n") * 300_000)

    outcome = with_nodemailer(access, letter, tmp_path)

    assert outcome.ok, outcome.said[-500:]
    assert kept(portal) == 1


@STARTTLS
def test_more_than_25_mb_are_not_taken(access: Access, portal: Portal, tmp_path: Path) -> None:
    letter = named(portal, octets=of_size(MESSAGE_LIMIT + 1))

    outcome = with_curl(access, letter, tmp_path)

    assert not outcome.ok
    assert "552 5.3.4" in outcome.said
    assert kept(portal) == 0


@STARTTLS
def test_addresses_and_headers_in_utf_8_arrive_in_a_form_that_every_server_takes(
    access: Access, portal: Portal, captured: Captured, tmp_path: Path
) -> None:
    letter = named(portal, to=["anna@müller.test"], bcc=[])

    outcome = with_smtplib(access, letter, tmp_path)

    assert outcome.ok, outcome.said
    (mail,) = captured(letter.subject, 1)
    assert mail["X-Letterhead-Envelope-To"] == "anna@xn--mller-kva.test"
    assert str(mail["To"]) == "anna@xn--mller-kva.test"


@STARTTLS
def test_an_address_that_no_server_behind_us_takes_is_refused_in_words(
    access: Access, portal: Portal, tmp_path: Path
) -> None:
    outcome = with_smtplib(access, named(portal, to=["jürgen@client.test"], bcc=[]), tmp_path)

    assert not outcome.ok
    assert "5.6.7" in outcome.said
    assert kept(portal) == 0


# smtp-source knows neither TLS nor a login


def smtp_source(port: int, count: int, sessions: int) -> int:
    """Run it; gives its exit code."""
    program = shutil.which("smtp-source", path="/usr/sbin:/usr/bin")
    if not program:
        pytest.skip("needs smtp-source: run `make servers` as root on Debian")
    amount = ["-s", str(sessions), "-m", str(count), "-l", "4000"]
    people = ["-f", "load@firm.test", "-t", "anna@client.test"]
    command = [program, *amount, *people, f"127.0.0.1:{port}"]
    return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode


@STARTTLS
def test_smtp_source_is_no_stranger_that_is_let_in(access: Access, portal: Portal) -> None:
    assert smtp_source(access.port, 5, 2) != 0
    assert kept(portal) == 0


@TLS
def test_smtp_source_hands_in_200_messages_over_8_sessions(access: Access, portal: Portal) -> None:
    with tunnel(access) as port:
        assert smtp_source(port, 200, 8) == 0

    first = portal.call("GET", "/messages?limit=100")
    rest = portal.call("GET", f"/messages?limit=100&cursor={first['next_cursor']}")
    assert len(first["items"] + rest["items"]) == 200
    assert rest["next_cursor"] is None


@STARTTLS
def test_what_a_key_was_last_used_for_is_noted(
    access: Access, portal: Portal, tmp_path: Path
) -> None:
    path = f"/portals/{portal.slug}/keys"
    (before,) = portal.call("GET", path)["items"]

    with_smtplib(access, named(portal), tmp_path)

    (after,) = portal.call("GET", path)["items"]
    assert before["last_used_at"] is None
    assert after["last_used_at"] > after["created_at"]
