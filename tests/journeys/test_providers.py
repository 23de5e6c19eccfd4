"""The help article's table of providers, each from the form to the first mail."""

import pytest

from tests.forms import Form, message, smtp
from tests.journeys.settings import code_of, go_live, states
from tests.running import Portal
from tests.servers.bind import Bind
from tests.servers.postfix import Postfix

SUFFIX = ".mail.protection.outlook.com"


def relay(domain: str) -> Form:
    return smtp(
        provider="microsoft365_relay",
        server=domain.replace(".", "-") + SUFFIX,
        login="",
        password=None,
        from_address=f"anybody@{domain}",
    )


@pytest.mark.parametrize(
    ("provider", "port"),
    [
        *(("microsoft365", 587), ("gmail", 587), ("gmail", 465), ("zoho", 587), ("zoho", 465)),
        *(("other", 587), ("other", 465)),
    ],
)
def test_a_mailbox_with_a_login(
    hart: Portal, mail_server: Postfix, provider: str, port: int
) -> None:
    form = smtp(provider=provider, port=port)
    subject = f"By {provider} {port}"

    live = go_live(hart, mail_server, form)
    sent = hart.wait_for(hart.send(message(subject)))

    gated = "not_required" if provider == "other" else "done"
    assert states(live)["dns"] == gated
    assert sent["recipients"][0]["status"] == "sent"
    assert len(mail_server.wait_for(1, subject=subject)) == 1


@pytest.mark.parametrize("provider", ["microsoft365", "gmail", "zoho", "other"])
def test_a_login_sends_as_nobody_else(hart: Portal, mail_server: Postfix, provider: str) -> None:
    hart.save(smtp(provider=provider, from_address="stranger@client.test"))

    found = hart.change("test", {"to": "anna@client.test"})

    assert found["accepted"] is False
    assert "not owned by user" in found["reply"]["text"]


def prove(hart: Portal, name_server: Bind) -> None:
    proof = hart.change("prove-domain", {"method": "dns"})
    name_server.add(proof["name"].removesuffix(".test"), "TXT", f'"{proof["value"]}"')
    hart.change("prove-domain/confirm")


def test_the_office_365_relay_by_address(
    hart: Portal, mail_server: Postfix, name_server: Bind
) -> None:
    to = f"relay-{hart.slug}@client.test"
    saved = hart.save(relay("client.test"))
    unproven = hart.refused_change("test", {"to": to})
    prove(hart, name_server)

    tested = hart.change("test", {"to": to})
    hart.change("confirm", {"code": code_of(mail_server, to)})
    live = hart.change("switch-on")
    sent = hart.wait_for(hart.send(message("By the relay")))

    assert saved["next"]["port"] == 25
    assert unproven["step"] == "domain_proven"
    assert [each["detail"] for each in tested["stages"] if each["stage"] == "sign_in"] == [
        "not needed"
    ]
    assert set(states(live).values()) == {"done"}
    assert sent["recipients"][0]["status"] == "sent"


def test_a_relay_that_does_not_know_our_address_says_so(
    hart: Portal, mail_server: Postfix, name_server: Bind
) -> None:
    hart.save(relay("denied.test"))
    prove(hart, name_server)

    found = hart.change("test", {"to": "anna@client.test"})

    assert found["accepted"] is False
    assert found["fault"]["code"] == "connector-missing"
    assert found["reply"]["enhanced"] == "5.7.64"
