"""No portal sends as another: by an include that both have, or by a provider that both use."""

import pytest

from tests.forms import message, smtp
from tests.journeys.settings import go_live, states
from tests.running import Portal
from tests.servers.bind import Bind
from tests.servers.postfix import LOGIN, PASSWORD, Postfix

OTHER_LOGIN, OTHER_PASSWORD = "billing@client.test", f"{PASSWORD}-two"


@pytest.mark.usefixtures("mail_server")
def test_an_include_lets_the_provider_send_and_not_each_of_its_customers(
    hart: Portal, name_server: Bind
) -> None:
    name_server.add("tenant", "TXT", '"v=spf1 include:spf.protection.outlook.com -all"')
    hart.save(smtp(provider="microsoft365", from_address="boss@tenant.test"))

    dns = hart.change("check-dns")
    tested = hart.change("test", {"to": "anna@client.test"})
    switch_on = hart.refused_change("switch-on")

    assert dns["spf"]["state"] == "pass"
    assert tested["accepted"] is False
    assert "not owned by user" in tested["reply"]["text"]
    assert switch_on["step"] == "test_accepted"


def test_two_portals_at_one_provider_each_send_with_their_own_login(
    hart: Portal, other: Portal, mail_server: Postfix
) -> None:
    go_live(hart, mail_server, smtp(from_name="Hart"))
    theirs = smtp(login=OTHER_LOGIN, password=OTHER_PASSWORD, from_address=OTHER_LOGIN)
    go_live(other, mail_server, theirs)
    portals = [hart, other]

    sent = [
        (each, each.send(message(f"At one provider {at}"))) for at in range(20) for each in portals
    ]

    for portal, message_id in sent:
        portal.wait_for(message_id, "sent")
    arrived = mail_server.wait_for(40, subject="At one provider")
    senders = [each.message["From"].addresses[0].addr_spec for each in arrived]
    assert (senders.count(LOGIN), senders.count(OTHER_LOGIN)) == (20, 20)


def test_a_login_of_another_portal_is_of_no_use_without_its_password(
    hart: Portal, other: Portal, mail_server: Postfix
) -> None:
    go_live(hart, mail_server, smtp())
    form = {key: value for key, value in smtp().items() if key != "password"}

    refused = other.refused("PUT", other.form, form)

    assert [each["field"] for each in refused["errors"]] == ["password"]


@pytest.mark.parametrize("name", ["From", "Sender", "Return-Path", "Resent-From"])
def test_a_message_names_no_other_sender(hart: Portal, name: str) -> None:
    refused = hart.refused("POST", "/messages", message(headers={name: "boss@victim.test"}))

    assert refused["errors"][0]["field"] == f"headers.{name}"


def test_a_display_name_is_no_address(hart: Portal, mail_server: Postfix) -> None:
    go_live(hart, mail_server, smtp())
    shown = '"Boss <boss@victim.test>" '

    hart.wait_for(hart.send(message("A name is no address", from_name=shown)), "sent")

    sender = mail_server.wait_for(1, subject="A name is no address")[0].message["From"]
    assert [each.addr_spec for each in sender.addresses] == [LOGIN]


@pytest.mark.usefixtures("mail_server")
def test_an_address_at_the_provider_itself_is_that_of_the_login_only(hart: Portal) -> None:
    saved = hart.save(smtp(provider="gmail", from_address="somebody@gmail.com"))

    tested = hart.change("test", {"to": "anna@client.test"})

    assert states(saved)["dns"] == "not_required"
    assert tested["accepted"] is False
    assert "not owned by user" in tested["reply"]["text"]
