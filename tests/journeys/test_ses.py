"""Type AWS from end to end: the identity at Amazon SES, the gate, and what SES refuses."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.forms import Form, message
from tests.journeys.settings import states
from tests.running import Platform, Portal
from tests.servers import ses
from tests.servers.bind import Bind
from tests.servers.ses import KEYS, REGION, Ses

SECRET = "a-secret-access-key-of-the-firm"


def form(domain: str, **changes: object) -> Form:
    """The form of type AWS."""
    return {
        "type": "ses",
        "region": REGION,
        "from_name": "Hart & Co",
        "from_address": f"office@{domain}",
        "copy_to": "",
        **changes,
    }


@pytest.fixture(scope="module")
def amazon(moto: int, name_server: Bind) -> Iterator[Ses]:
    with ses.running(moto, name_server.port) as found:
        yield found


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, name_server: Bind, amazon: Ses
) -> Iterator[Platform]:
    """A Letterhead that has keys of AWS, and is told where the stand-in is."""
    made = Platform(tmp_path_factory.mktemp("ses"), settings_of(name_server, amazon))
    yield made
    made.stop()
    assert made.errors() == []
    written = "".join(each.read_text() for each in made.folder.glob("log-*"))
    assert not any(each in written for each in (*KEYS.values(), SECRET))


def settings_of(name_server: Bind, amazon: Ses) -> dict[str, str]:
    return {
        **KEYS,
        "AWS_ENDPOINT_URL": amazon.url,
        "LETTERHEAD_SES_CONFIGURATION_SET": "desk",
        "LETTERHEAD_DNS_SERVERS": f"127.0.0.1:{name_server.port}",
    }


def publish(name_server: Bind, records: list[Any]) -> None:
    for each in records:
        name = each["name"].removesuffix(".test")
        value = f'"{each["value"]}"' if each["type"] == "TXT" else f"{each['value']}."
        name_server.add(name, each["type"], value)


def prove(name_server: Bind, portal: Portal, domain: str) -> Any:
    record = portal.change("prove-domain", {"method": "dns"})
    name_server.add(f"_letterhead.{domain.removesuffix('.test')}", "TXT", f'"{record["value"]}"')
    return portal.change("prove-domain/confirm")


def code_in(amazon: Ses) -> str:
    text = amazon.taken[-1].message.get_content()
    found = re.search(r"^\s+(\d{6})\s*$", text, re.MULTILINE)
    assert found
    return found[1]


def go_live(portal: Portal, amazon: Ses, name_server: Bind, filled_in: Form) -> None:
    """The whole walk, as the journey below does it step by step."""
    domain = filled_in["from_address"].partition("@")[2]
    portal.save(filled_in)
    portal.change("check-dns")
    publish(name_server, portal.settings()["identity"]["records"])
    prove(name_server, portal, domain)
    assert portal.change("test", {"to": "anna@client.test"})["accepted"]
    portal.change("confirm", {"code": code_in(amazon)})
    portal.change("switch-on")


def test_nothing_is_sent_before_ses_and_the_domain_s_owner_agree(
    hart: Portal, amazon: Ses, name_server: Bind
) -> None:
    saved = hart.save(form("rainy.test", mail_from="bounces.rainy.test"))
    asked = hart.change("check-dns")
    early = hart.refused_change("test", {"to": "anna@client.test"})
    publish(name_server, hart.settings()["identity"]["records"])
    published = hart.change("check-dns")
    unproven = hart.refused_change("test", {"to": "anna@client.test"})
    switch_on = hart.refused_change("switch-on")

    assert (saved["next"]["type"], saved["live"]["type"]) == ("ses", "default")
    assert [(each["type"], each["state"]) for each in asked["records"]] == [
        *(("CNAME", "missing"),) * 3,
        *(("MX", "missing"), ("TXT", "missing")),
    ]
    assert asked["records"][0]["value"].endswith(f".{ses.ZONE}")  # as SES says, not as usual
    assert (early["step"], early["reason"]) == ("dns", "missing")
    assert "the CNAME records" in early["detail"]
    assert {each["state"] for each in published["records"]} == {"published"}
    assert (unproven["step"], switch_on["step"]) == ("domain_proven", "domain_proven")
    assert not [each for each in amazon.taken if "rainy.test" in each.message["From"]]


def test_from_default_to_aws_live(hart: Portal, amazon: Ses, name_server: Bind) -> None:
    hart.save(form("sunny.test", mail_from="bounces.sunny.test"))
    hart.change("check-dns")
    publish(name_server, hart.settings()["identity"]["records"])
    proven = prove(name_server, hart, "sunny.test")
    tested = hart.change("test", {"to": "anna@client.test"})
    hart.change("confirm", {"code": code_in(amazon)})
    live = hart.change("switch-on")

    assert (states(proven)["dns"], states(proven)["domain_proven"]) == ("done", "done")
    assert proven["identity"]["quota"]["sandbox"] is False
    assert [each["stage"] for each in tested["stages"]] == [
        *("resolve", "connect", "encrypt", "sign_in", "sender", "recipient", "message")
    ]
    assert all(each["ok"] for each in tested["stages"])
    assert (live["live"]["type"], live["next"]) == ("ses", None)
    assert live["identity"]["mail_from_status"] == "SUCCESS"


def test_mail_carries_our_ids_and_copies_go_apart(
    hart: Portal, amazon: Ses, name_server: Bind
) -> None:
    go_live(hart, amazon, name_server, form("tags.test", copy_to="all@tags.test"))
    sent = hart.wait_for(hart.send(message("Tagged")), "sent")

    taken = {each.to: each for each in amazon.taken if each.message["Subject"] == "Tagged"}
    [original] = [each for each in sent["recipients"] if not each["copy"]]
    mail = taken["anna@client.test"]
    assert set(taken) == {"anna@client.test", "all@tags.test"}
    assert mail.message["From"] == "Hart & Co <office@tags.test>"
    assert mail.message["Message-ID"] == f"<{sent['id']}@tags.test>"
    assert mail.request["FromEmailAddress"] == "office@tags.test"
    assert mail.request["ConfigurationSetName"] == "desk"
    assert mail.request["TenantName"] == f"lh-{hart.slug}"
    assert mail.tags["letterhead-message"] == sent["id"]
    assert mail.tags["letterhead-recipient"] == original["id"]
    assert mail.message_id in original["reply"]["text"]
