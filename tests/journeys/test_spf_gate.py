"""The SPF gate: providers that ask for a record, and what stands in the DNS."""

import pytest

from tests.forms import smtp
from tests.journeys.settings import states
from tests.running import Portal
from tests.servers.bind import Bind
from tests.servers.postfix import Postfix

RELAY = "outlook-test.mail.protection.outlook.com"


def gmail(domain: str) -> dict[str, object]:
    return {**smtp(provider="gmail", from_address=f"office@{domain}")}


@pytest.mark.parametrize(
    ("domain", "state", "reason", "publish"),
    [
        ("nothing.test", "missing", "missing", "v=spf1 include:_spf.google.com ~all"),
        ("other.test", "incomplete", "missing", "v=spf1 mx include:_spf.google.com -all"),
        ("twice.test", "error", "missing", None),
        ("mail.broken", "unknown", "unknown", None),
    ],
)
def test_without_the_record_there_is_no_test_and_no_switching_on(
    hart: Portal, domain: str, state: str, reason: str, publish: str | None
) -> None:
    hart.save(gmail(domain))

    unasked = hart.refused_change("switch-on")
    found = hart.change("check-dns")
    test = hart.refused_change("test", {"to": "anna@client.test"})
    switch_on = hart.refused_change("switch-on")
    overview = hart.settings()

    assert (unasked["step"], unasked["reason"]) == ("dns", "unknown")
    assert (found["spf"]["state"], found["spf"]["publish"]) == (state, publish)
    if publish:
        assert found["spf"]["record"] == {"name": domain, "type": "TXT", "value": publish}
        assert domain in test["detail"]
        assert publish in test["detail"]
    assert test["detail"].startswith(found["spf"]["detail"])
    for refused in (test, switch_on):
        assert (refused["status"], refused["step"], refused["reason"]) == (409, "dns", reason)
    assert states(overview)["dns"] == "open"
    assert overview["next"]["dns"]["spf"]["state"] == state


def test_with_the_record_the_gate_is_open(hart: Portal) -> None:
    hart.save(gmail("google.test"))

    found = hart.change("check-dns")
    hart.change("test", {"to": "anna@client.test"})
    overview = hart.settings()

    assert (found["spf"]["state"], found["spf"]["publish"]) == ("pass", None)
    assert (found["spf"]["lookups"], found["domain"]) == (1, "google.test")
    assert found["spf"]["tree"]["includes"][0]["domain"] == "_spf.google.com"
    assert found["dmarc"]["found"] == ["v=DMARC1; p=reject"]
    assert (found["dmarc"]["state"], found["dmarc"]["policy"]) == ("present", "reject")
    assert found["dkim"]["state"] == "present"
    assert found["dkim"]["selectors"][0]["detail"].startswith("RSA with 2048 bits.")
    assert found["mx"]["found"] == ["mail.test"]
    assert [each["state"] for each in found["sender_rules"]] == ["met", "met"]
    assert found["checked_at"].endswith("Z")
    assert states(overview)["dns"] == "done"
    assert states(overview)["test_accepted"] == "open"  # that server does not own the address


def test_each_test_looks_anew(hart: Portal) -> None:
    hart.save(gmail("nothing.test"))

    refused = hart.refused_change("test", {"to": "anna@client.test"})

    assert refused["reason"] == "missing"  # and not `unknown`, as before anybody looked
    assert hart.settings()["next"]["dns"]["spf"]["state"] == "missing"


def test_another_domain_is_another_question(hart: Portal) -> None:
    hart.save(gmail("google.test"))
    hart.change("check-dns")

    renamed = hart.save({**gmail("google.test"), "from_name": "Hart"})
    moved = hart.save(gmail("other.test"))

    assert renamed["next"]["dns"]["spf"]["state"] == "pass"
    assert moved["next"]["dns"] is None


@pytest.mark.parametrize(
    ("provider", "domain"),
    [("gmail", "gmail.com"), ("microsoft365", "outlook.com"), ("zoho", "zohomail.com")],
)
def test_addresses_of_the_provider_itself_need_no_record(
    hart: Portal, provider: str, domain: str
) -> None:
    saved = hart.save(smtp(provider=provider, from_address=f"office@{domain}"))

    found = hart.change("check-dns")

    assert states(saved)["dns"] == "not_required"
    assert found["spf"]["publish"] is None


def test_of_others_no_record_is_required(hart: Portal) -> None:
    assert states(hart.save(smtp()))["dns"] == "not_required"


@pytest.mark.parametrize(
    ("server", "include"),
    [
        ("smtppro.zoho.com", "zohomail.com"),
        ("smtp.zoho.eu", "zohomail.eu"),
        ("smtppro.zoho.in", "zoho.in"),  # the test's DNS does not know the newer name
        ("mail.test", "zohomail.com"),
    ],
)
def test_zoho_s_include_is_that_of_the_data_centre(hart: Portal, server: str, include: str) -> None:
    hart.save(smtp(provider="zoho", server=server, from_address="office@nothing.test"))

    found = hart.change("check-dns")

    assert found["spf"]["publish"] == f"v=spf1 include:{include} ~all"


def test_the_data_centre_is_told_by_the_mx_where_the_server_does_not(
    hart: Portal, name_server: Bind
) -> None:
    name_server.add("eu-firm", "MX", "10 mx.zoho.eu.")
    hart.save(smtp(provider="zoho", from_address="office@eu-firm.test"))

    assert hart.change("check-dns")["spf"]["publish"] == "v=spf1 include:zohomail.eu ~all"


def test_a_relay_s_record_names_our_addresses_too(hart: Portal, name_server: Bind) -> None:
    relay = smtp(
        provider="microsoft365_relay",
        server="connector-test.mail.protection.outlook.com",
        login="",
        password=None,
        from_address="office@connector.test",
    )
    hart.save(relay)
    missing = hart.change("check-dns")["spf"]
    name_server.add("connector", "TXT", '"v=spf1 include:spf.protection.outlook.com -all"')

    found = hart.change("check-dns")["spf"]

    ours = "ip4:192.0.2.7 ip6:2001:db8:7::/48"
    assert missing["publish"] == f"v=spf1 include:spf.protection.outlook.com {ours} ~all"
    assert (found["state"], found["publish"]) == ("pass", None)
    assert found["detail"].endswith(f"from, too: {ours.replace(' ', ', ')}.")


def test_of_other_the_record_is_shown_all_the_same(hart: Portal) -> None:
    hart.save(smtp(from_address="office@other.test"))

    found = hart.change("check-dns")

    assert found["spf"]["state"] == "pass"
    assert states(hart.settings())["test_accepted"] == "open"


def test_without_a_from_address_there_is_nothing_to_look_up(hart: Portal) -> None:
    assert hart.refused_change("check-dns")["step"] == "saved"


def test_providers_are_listed_and_filled_in(hart: Portal) -> None:
    items = {each["id"]: each for each in hart.call("GET", "/providers")["items"]}
    filled = hart.change("prefill", {"provider": "gmail"})
    unknown = hart.refused_change("prefill", {"provider": "nobody"})

    assert list(items)[:4] == ["microsoft365", "microsoft365_relay", "gmail", "zoho"]
    assert list(items)[-1] == "other"
    assert items["gmail"]["spf_include"] == ["include:_spf.google.com"]
    assert items["microsoft365"]["notice_date"] == "2026-12-31"
    assert (filled["server"], filled["port"], filled["allow_ssl"]) == ("smtp.gmail.com", 587, True)
    assert unknown["errors"][0]["field"] == "provider"


@pytest.mark.parametrize(
    ("domain", "provider", "server", "relay"),
    [
        (
            "outlook.test",
            "microsoft365",
            "smtp.office365.com",
            "outlook-test.mail.protection.outlook.com",
        ),
        ("zoho.test", "zoho", "smtppro.zoho.eu", None),
        ("gsuite.test", "gmail", "smtp.gmail.com", None),
        ("gmail.com", "gmail", "smtp.gmail.com", None),
        ("fake.test", None, None, None),
        ("nothing.test", None, None, None),
        ("mail.broken", None, None, None),
    ],
)
def test_the_provider_is_found_by_the_from_address(
    hart: Portal, domain: str, provider: str | None, server: str | None, relay: str | None
) -> None:
    filled = hart.change("prefill", {"from_address": f"office@{domain}"})

    assert (filled["provider"], filled["server"]) == (provider, server)
    assert (filled["relay"] or {}).get("server") == relay


@pytest.mark.parametrize(
    ("provider", "email", "server"),
    [
        ("microsoft365_relay", "office@outlook.test", RELAY),
        ("microsoft365_relay", "office@nothing.test", ""),
        ("microsoft365_relay", "half@", ""),
        ("zoho", "office@zoho.test", "smtppro.zoho.eu"),
        ("zoho", "office@gsuite.test", "smtppro.zoho.com"),
        ("other", "office@zoho.test", ""),
    ],
)
def test_a_chosen_provider_s_server_is_that_of_the_from_address(
    hart: Portal, provider: str, email: str, server: str
) -> None:
    filled = hart.change("prefill", {"provider": provider, "from_address": email})

    assert (filled["provider"], filled["server"]) == (provider, server)


def test_a_from_address_that_is_none_is_named(hart: Portal) -> None:
    refused = hart.refused_change("prefill", {"from_address": "nobody"})

    assert refused["errors"][0]["field"] == "from_address"


def test_after_a_failed_test_of_office_365_the_relay_is_offered(
    hart: Portal, mail_server: Postfix
) -> None:
    form = smtp(provider="microsoft365", from_address="office@outlook.test", password="wrong")
    hart.save(form)

    failed = hart.change("test", {"to": "anna@client.test"})

    assert failed["accepted"] is False
    assert failed["suggestion"] == {"provider": "microsoft365_relay", "server": RELAY}


def test_what_the_provider_wants_is_said_before_the_test(hart: Portal) -> None:
    saved = hart.save(smtp(provider="microsoft365", from_address="sales@outlook.test"))
    plain = hart.save(smtp())

    assert "end of December 2026" in saved["advice"][0]
    assert saved["advice"][1].startswith("Login and From address differ.")
    assert plain["advice"] == []


def test_a_provider_that_wants_encryption_gets_no_clear_text(hart: Portal) -> None:
    refused = hart.refused("PUT", hart.form, smtp(provider="gmail", allow_ssl=False))

    assert {each["field"] for each in refused["errors"]} == {"allow_ssl"}
