"""Copies to the firm's own address: a mail of its own, never a second one, never in the way."""

import pytest

from tests.forms import message, smtp
from tests.journeys.settings import go_live
from tests.running import Portal
from tests.servers.postfix import Postfix


def test_a_copy_that_fails_does_not_fail_the_original(hart: Portal, mail_server: Postfix) -> None:
    go_live(hart, mail_server, smtp(copy_to="nobody@client.test"))

    found = hart.wait_for(hart.send(message("With a copy")))

    outcomes = {each["email"]: (each["copy"], each["status"]) for each in found["recipients"]}
    assert outcomes == {
        "anna@client.test": (False, "sent"),
        "nobody@client.test": (True, "failed"),
    }


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
def test_who_got_the_original_gets_no_copy_whatever_the_letter_case(
    hart: Portal, mail_server: Postfix, field: str
) -> None:
    subject = f"Once for {hart.slug}"
    go_live(hart, mail_server, smtp(copy_to="Office@client.test"))
    people = {"to": [{"email": "anna@client.test"}], field: [{"email": "OFFICE@Client.Test"}]}

    found = hart.wait_for(hart.send(message(subject, **people)))

    count = len(found["recipients"])
    arrived = [each.recipient.lower() for each in mail_server.wait_for(count, subject=subject)]
    assert not any(each["copy"] for each in found["recipients"])
    assert arrived.count("office@client.test") == 1
