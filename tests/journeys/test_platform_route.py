"""The platform's own route: through its server, in the portal's name, over every scheme."""

import ssl
from pathlib import Path

import httpx
import pytest

from tests.forms import DEFAULT, message
from tests.running import Platform
from tests.servers.certificates import Certificates
from tests.servers.scripted import Scripted, running


def test_on_a_staging_system_every_mail_goes_to_one_address(tmp_path: Path) -> None:
    settings = {
        "LETTERHEAD_REDIRECT_ALL_TO": "staging@desk.test",
        "LETTERHEAD_SENDING_ADDRESSES": (
            "192.0.2.7, 198.51.100.0/28, 2001:db8::/32, 2001:db8::7/128"
        ),
    }
    platform = Platform(tmp_path, settings)
    portal = platform.portal("hart")
    to = [{"email": "anna@client.test"}, {"email": "bert@client.test"}]
    found = portal.wait_for(portal.send(message("Staging", to=to)))
    health = platform.http.get("/healthz").json()
    addresses = portal.call("GET", "/providers")["sending_addresses"]
    guest = {"email": "admin@hart.test", "role": "admin", "ttl": 600}
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(portal.call("POST", "/portals/hart/sessions", guest)["url"]).text
    platform.stop()

    texts = [each.read_text("utf-8") for each in platform.captured()]
    assert all("X-Letterhead-Envelope-To: staging@desk.test\n" in text for text in texts)
    assert {"anna", "bert"} == {
        name
        for name in ("anna", "bert")
        for text in texts
        if f"X-Letterhead-Original-To: {name}@client.test\n" in text
    }
    assert len(found["recipients"]) == len(texts) == 2
    assert health["redirects_to"] == "staging@desk.test"
    assert "Staging: every mail goes to staging@desk.test." in page
    assert addresses == ["192.0.2.7", "198.51.100.0/28", "2001:db8::/32", "2001:db8::7"]


def test_what_the_operator_wants_said_is_said(tmp_path: Path) -> None:
    said = {
        "advice": "Ask whoever looks after your IT.",
        "support": "help@desk.test",
        "disclaimer": "Desk does not answer for other people's servers.",
    }
    platform = Platform(tmp_path, {f"LETTERHEAD_{key.upper()}": text for key, text in said.items()})
    portal = platform.portal("hart")
    portal.save(DEFAULT)
    portal.change("test", {"to": "anna@client.test"})
    texts = portal.settings()["texts"]
    platform.stop()

    [mail] = [each.read_text("utf-8") for each in platform.captured()]
    assert texts == said
    assert "\n-- \nQuestions? help@desk.test\nDesk does not answer" in mail
    assert "Ask whoever" not in mail


@pytest.mark.parametrize(
    ("route", "signs_in"),
    [
        ("smtp://desk:secret@localhost:{port}", True),
        ("smtps://desk:secret@localhost:{port}", True),
        ("smtp+plain://127.0.0.1:{port}", False),
    ],
    ids=["smtp", "smtps", "plain"],
)
def test_mail_of_default_leaves_by_the_platform_s_server(
    tmp_path: Path, certs: Certificates, route: str, *, signs_in: bool
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certs.chain("good"))
    script = Scripted(
        tls=tls if signs_in else None, implicit=route.startswith("smtps"), offers=("PIPELINING",)
    )
    with running(script) as server:
        settings = {
            "LETTERHEAD_DEFAULT_ROUTE": route.format(port=server.port),
            "LETTERHEAD_CA_FILE": str(certs.authority),
        }
        platform = Platform(tmp_path, settings)
        portal = platform.portal("hart", "Hart & Co")
        portal.save(DEFAULT)
        portal.change("switch-on")
        found = portal.wait_for(portal.send(message("By the platform", from_name="Hart")))
        platform.stop()

    [taken] = server.taken
    assert found["recipients"][0]["status"] == "sent"
    assert taken.sender == "no-reply@desk.test"
    assert b"From: Hart via Desk <no-reply@desk.test>\r\n" in taken.content
    assert b"Reply-To: office@client.test\r\n" in taken.content
    assert any(line.startswith("AUTH PLAIN") for line in server.said) is signs_in
    assert platform.errors() == []
