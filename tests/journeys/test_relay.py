"""The relay without a login: for who owns the domain, and by the domain's own relay."""

import re

from tests.forms import Form, smtp
from tests.journeys.settings import eventually, states
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
    assert refused["detail"] == (
        f"victim-test{SUFFIX} is not the relay of mine.test: "
        f"enter the host of its MX, or mine-test{SUFFIX}."
    )


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


def code_of_postmaster(portal: Portal, domain: str) -> str:
    """The code in the newest mail to a domain's postmaster that left by the platform's route."""

    def found() -> list[str]:
        mails = [each.read_text() for each in portal.platform.captured()]
        return [each for each in mails if f"To: postmaster@{domain}" in each]

    mail = eventually(found)[-1]
    match = re.search(r"^ {4}(\d{6})\s*$", mail, re.MULTILINE)
    assert match, mail
    return match.group(1)


def test_a_code_to_the_postmaster_proves_a_domain(hart: Portal, name_server: Bind) -> None:
    hart.save(relay("post.test"))
    name_server.add("post", "TXT", '"v=spf1 include:spf.protection.outlook.com -all"')

    sent = hart.change("prove-domain", {"method": "mail"})
    code = code_of_postmaster(hart, "post.test")
    proven = hart.change("prove-domain/confirm", {"code": f" {code} "})

    assert (sent["domain"], sent["to"]) == ("post.test", "postmaster@post.test")
    assert states(proven)["domain_proven"] == "done"


def test_no_other_mailbox_proves_a_domain(hart: Portal) -> None:
    hart.save(relay("boxes.test"))

    refused = hart.refused_change("prove-domain", {"method": "mail", "to": "anna@boxes.test"})

    assert refused["errors"][0]["field"] == "to"
    assert refused["errors"][0]["code"] == "not_postmaster"


def test_the_sixth_wrong_code_voids_the_code_of_a_postmaster(hart: Portal) -> None:
    hart.save(relay("guess.test"))
    hart.change("prove-domain", {"method": "mail"})
    code = code_of_postmaster(hart, "guess.test")
    wrong = f"{(int(code) + 1) % 1_000_000:06}"

    refused = [hart.refused_change("prove-domain/confirm", {"code": wrong}) for _ in range(6)]
    late = hart.refused_change("prove-domain/confirm", {"code": code})

    assert [each["errors"][0]["field"] for each in refused] == ["code"] * 6
    assert "5 more times" in refused[0]["errors"][0]["message"]
    assert "void" in refused[5]["errors"][0]["message"]
    assert (late["step"], late["reason"]) == ("domain_proven", "missing")


def test_a_code_serves_one_portal_one_domain_and_one_time(hart: Portal, other: Portal) -> None:
    hart.save(relay("mine-too.test"))
    other.save(relay("mine-too.test"))
    hart.change("prove-domain", {"method": "mail"})
    code = code_of_postmaster(hart, "mine-too.test")

    strange = other.refused_change("prove-domain/confirm", {"code": code})
    hart.change("prove-domain/confirm", {"code": code})
    again = hart.refused_change("prove-domain/confirm", {"code": code})
    hart.save(relay("victim.test"))
    elsewhere = hart.refused_change("prove-domain/confirm", {"code": code})

    assert {each["step"] for each in (strange, again, elsewhere)} == {"domain_proven"}


def test_postmasters_are_asked_five_times_an_hour_at_most(hart: Portal) -> None:
    hart.save(relay("often.test"))
    for _ in range(5):
        hart.change("prove-domain", {"method": "mail"})

    answer = hart.ask("POST", f"{hart.form}/prove-domain", {"method": "mail"})

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_the_words_to_a_postmaster_are_not_shown_in_the_log(hart: Portal) -> None:
    hart.save(relay("secret.test"))
    hart.change("prove-domain", {"method": "mail"})
    code_of_postmaster(hart, "secret.test")
    listed = hart.call("GET", "/messages")["items"]

    body = hart.refused("GET", f"/messages/{listed[0]['id']}/body")

    assert listed[0]["class"] == "system"
    assert body["status"] == 403
