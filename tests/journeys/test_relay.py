"""The relay without a login: for who owns the domain, and by the domain's own relay."""

from tests.forms import Form, smtp
from tests.journeys.settings import states
from tests.running import Portal
from tests.servers.bind import Bind

SUFFIX = ".mail.protection.outlook.com"


def relay(domain: str, server: str = "") -> Form:
    """Office 365 relay by address; the form has another port, and no login."""
    host = server or domain.replace(".", "-") + SUFFIX
    return smtp(
        provider="microsoft365_relay",
        server=host,
        port=587,
        login="",
        password=None,
        from_address=f"office@{domain}",
    )


def publish_all(name_server: Bind, hart: Portal, domain: str) -> None:
    name = domain.removesuffix(".test")
    name_server.add(name, "TXT", '"v=spf1 include:spf.protection.outlook.com -all"')
    proof = hart.change("prove-domain", {"method": "dns"})
    name_server.add(f"_letterhead.{name}", "TXT", f'"{proof["value"]}"')


def test_a_proven_domain_may_use_its_own_relay(hart: Portal, name_server: Bind) -> None:
    saved = hart.save(relay("owned.test"))
    early = hart.refused_change("prove-domain/confirm")
    publish_all(name_server, hart, "owned.test")

    proven = hart.change("prove-domain/confirm")
    tested = hart.change("test", {"to": "anna@client.test"})

    assert (saved["next"]["port"], saved["next"]["password_set"]) == (25, False)
    assert (early["step"], early["reason"]) == ("domain_proven", "missing")
    assert "_letterhead.owned.test" in early["detail"]
    assert states(proven)["domain_proven"] == "done"
    assert tested["stages"][-1]["stage"] == "resolve"  # the gate is open; that host is not here
    assert states(hart.settings())["test_accepted"] == "open"


def test_an_unproven_domain_may_not_be_sent_as(hart: Portal, name_server: Bind) -> None:
    hart.save(relay("victim.test"))
    name_server.add("victim", "TXT", '"v=spf1 include:spf.protection.outlook.com -all"')

    test = hart.refused_change("test", {"to": "anna@client.test"})
    switch_on = hart.refused_change("switch-on")

    assert (test["step"], switch_on["step"]) == ("domain_proven", "domain_proven")


def test_a_proof_of_one_portal_is_none_for_another(
    hart: Portal, other: Portal, name_server: Bind
) -> None:
    hart.save(relay("shared.test"))
    other.save(relay("shared.test"))
    publish_all(name_server, hart, "shared.test")

    hart.change("prove-domain/confirm")
    refused = other.refused_change("prove-domain/confirm")

    assert (refused["step"], refused["reason"]) == ("domain_proven", "missing")


def test_a_proven_domain_may_not_use_the_relay_of_another(hart: Portal, name_server: Bind) -> None:
    hart.save(relay("mine.test", f"victim-test{SUFFIX}"))
    publish_all(name_server, hart, "mine.test")

    proven = hart.change("prove-domain/confirm")
    refused = hart.refused_change("test", {"to": "anna@client.test"})

    assert states(proven)["domain_proven"] == "open"
    assert refused["step"] == "domain_proven"


def test_the_relay_may_be_any_mx_of_the_domain(hart: Portal, name_server: Bind) -> None:
    hart.save(relay("moved.test", f"tenant-42{SUFFIX}"))
    name_server.add("moved", "MX", f"0 tenant-42{SUFFIX}.")
    publish_all(name_server, hart, "moved.test")

    proven = hart.change("prove-domain/confirm")

    assert states(proven)["domain_proven"] == "done"


def test_a_proof_does_not_cover_another_from_domain(hart: Portal, name_server: Bind) -> None:
    hart.save(relay("first.test"))
    publish_all(name_server, hart, "first.test")
    hart.change("prove-domain/confirm")

    moved = hart.save(relay("victim.test"))

    assert states(moved)["domain_proven"] in {"open", "blocked"}
