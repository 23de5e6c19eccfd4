"""Type AWS from end to end: the identity at Amazon SES, the gate, and what SES refuses."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forms import message
from tests.journeys.aws import SECRET, code_in, form, go_live, prove, publish, settings_of
from tests.journeys.settings import eventually, states
from tests.running import Platform, Portal
from tests.servers import ses
from tests.servers.bind import Bind
from tests.servers.ses import KEYS, REGION, Ses


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


def test_a_proof_of_one_portal_lets_no_other_send(
    hart: Portal, other: Portal, amazon: Ses, name_server: Bind
) -> None:
    go_live(hart, amazon, name_server, form("taken.test"))
    other.save(form("taken.test", from_address="boss@taken.test"))
    other.change("check-dns")

    test = other.refused_change("test", {"to": "anna@client.test"})
    record = other.refused_change("prove-domain/confirm")

    assert states(other.settings())["dns"] == "done"  # SES has verified the domain, for hart
    assert other.settings()["identity"]["adopted"]
    assert (test["step"], record["step"]) == ("domain_proven", "domain_proven")


def test_a_single_address_is_proven_by_a_code_to_itself(hart: Portal, amazon: Ses) -> None:
    hart.save(form("mailbox.test", identity="address"))
    waiting = hart.change("check-dns")
    amazon.clicked.add("office@mailbox.test")
    hart.change("check-dns")
    stranger = hart.refused_change(
        "prove-domain", {"method": "mail", "to": "postmaster@mailbox.test"}
    )
    sent = hart.change("prove-domain", {"method": "mail"})
    [mail] = eventually(lambda: mails_to(hart, "office@mailbox.test"))
    code = re.search(r"^ {4}(\d{6})\s*$", mail, re.MULTILINE)
    assert code
    proven = hart.change("prove-domain/confirm", {"code": code[1]})
    moved = hart.save(form("mailbox.test", identity="address", from_address="ceo@mailbox.test"))

    assert waiting["records"] == []
    assert stranger["errors"][0]["field"] == "to"
    assert sent["to"] == "office@mailbox.test"
    assert (states(proven)["dns"], states(proven)["domain_proven"]) == ("done", "done")
    assert states(moved)["domain_proven"] in {"open", "blocked"}


def mails_to(portal: Portal, recipient: str) -> list[str]:
    mails = [each.read_text() for each in portal.platform.captured()]
    return [each for each in mails if f"To: {recipient}" in each]


def test_a_firm_s_own_account_needs_no_proof_and_its_secret_is_never_shown(
    hart: Portal, amazon: Ses, name_server: Bind
) -> None:
    own = {"account": "keys", "access_key_id": "AKIAFIRM000000000001"}
    missing = hart.refused("PUT", hart.form, form("ownkeys.test", **own))
    saved = hart.save(form("ownkeys.test", **own, secret_access_key=SECRET))
    hart.change("check-dns")
    publish(name_server, hart.settings()["identity"]["records"])
    tested = hart.change("test", {"to": "anna@client.test"})
    moved = hart.refused("PUT", hart.form, form("ownkeys.test", **own, region="us-east-1"))

    assert missing["errors"][0]["field"] == "secret_access_key"
    assert saved["next"]["secret_access_key_set"] is True
    assert SECRET not in str(saved)
    assert states(hart.settings())["domain_proven"] == "not_required"
    assert tested["accepted"]
    assert amazon.taken[-1].key_id == "AKIAFIRM000000000001"
    assert "TenantName" not in amazon.taken[-1].request
    assert moved["errors"] == [
        {
            "field": "secret_access_key",
            "code": "retype",
            "message": "Region or key id changed: type the secret access key again.",
        }
    ]


def test_the_identity_is_followed_without_being_asked(
    hart: Portal, amazon: Ses, name_server: Bind
) -> None:
    hart.save(form("followed.test"))

    found = eventually(lambda: hart.settings()["identity"].get("records"))

    assert len(found) == 3
    assert "next_look_at" in hart.settings()["identity"]


def test_what_ses_gave_up_is_verified_again_and_what_is_ours_is_removed(
    hart: Portal, amazon: Ses
) -> None:
    hart.save(form("late.test"))
    amazon.given_up.add("late.test")
    hart.change("check-dns")
    given_up = hart.settings()
    again = hart.change("identity/verify")
    gone = hart.call("DELETE", f"{hart.form}/identity")
    status, _ = amazon.forwarded("GET", "/v2/email/identities/late.test", b"")

    assert "verify again" in given_up["identity"]["detail"]
    assert again["identity"]["dkim"] == "PENDING"
    assert gone["removed"] is True
    assert gone["identity"]["state"] == "unknown"
    assert status == 404


def test_what_mail_leaves_as_is_not_removed(hart: Portal, amazon: Ses, name_server: Bind) -> None:
    go_live(hart, amazon, name_server, form("kept.test"))

    refused = hart.refused("DELETE", f"{hart.form}/identity")

    assert refused["status"] == 409
    assert "Default" in refused["detail"]


def test_an_unknown_region_is_named(hart: Portal) -> None:
    refused = hart.refused("PUT", hart.form, form("hart.test", region="mars-north-1"))
    regions = hart.call("GET", "/ses/regions")["items"]

    assert refused["errors"] == [
        {
            "field": "region",
            "code": "unknown",
            "message": "Choose a region of Amazon SES from the list.",
        }
    ]
    assert {
        "region": "eu-west-1",
        "name": "Europe (Ireland)",
        "smtp_server": "email-smtp.eu-west-1.amazonaws.com",
    } in regions


def test_revoked_credentials_hold_mail_until_they_are_mended(
    hart: Portal, amazon: Ses, name_server: Bind
) -> None:
    go_live(hart, amazon, name_server, form("revoked.test"))
    amazon.revoked.add(KEYS["AWS_ACCESS_KEY_ID"])
    held = hart.send(message("Held"))
    hart.wait_for(held, "held")
    during = hart.settings()["connection"]
    amazon.revoked.clear()
    hart.change("resume")
    hart.wait_for(held, "sent")

    assert (during["state"], during["fault"]["code"]) == ("paused", "aws-keys-refused")
    assert during["held"] == 1


def test_the_platform_s_own_route_may_be_ses(
    tmp_path: Path, amazon: Ses, name_server: Bind
) -> None:
    amazon.clicked.add("no-reply@desk.test")
    amazon.forwarded("POST", "/v2/email/identities", b'{"EmailIdentity": "no-reply@desk.test"}')
    route = {"LETTERHEAD_DEFAULT_ROUTE": f"ses:{REGION}"}
    platform = Platform(tmp_path, {**settings_of(name_server, amazon), **route})
    portal = platform.portal("hart")
    portal.wait_for(portal.send(message("By the platform")), "sent")
    platform.stop()

    assert platform.errors() == []
    assert amazon.taken[-1].message["From"] == "Hart & Co via Desk <no-reply@desk.test>"
    assert "TenantName" not in amazon.taken[-1].request


def test_killed_while_it_sends_by_ses_it_loses_nothing(
    tmp_path: Path, amazon: Ses, name_server: Bind
) -> None:
    platform = Platform(tmp_path, settings_of(name_server, amazon))
    portal = platform.portal("hart")
    go_live(portal, amazon, name_server, form("killed.test"))
    ids = set[str]()
    for part in range(3):
        mails = [message(f"Mail {part} {at}") for at in range(60)]
        items = portal.call("POST", "/messages/batch", {"messages": mails})["items"]
        ids |= {each["id"] for each in items}
        wait_for(amazon, ids, len(ids) - 40)
        platform.kill()
        platform.start()
    for each in ids:
        portal.wait_for(each, "sent")
    platform.stop()

    assert (len(ids), set(arrived(amazon, ids))) == (180, ids)
    assert len(arrived(amazon, ids)) - len(ids) <= 3 * 16  # what was under way at each kill


def wait_for(amazon: Ses, ids: set[str], count: int) -> None:
    eventually(lambda: len(arrived(amazon, ids)) >= count)


def arrived(amazon: Ses, ids: set[str]) -> list[str]:
    """The messages that SES has taken, as often as it has."""
    found = [each.tags["letterhead-message"] for each in amazon.taken]
    return [each for each in found if each in ids]
