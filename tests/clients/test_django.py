"""Django's mail by way of Letterhead: what its messages hold arrives, as its users expect."""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage as Parsed
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection, send_mail
from django.test.utils import override_settings

from letterhead_client import Invalid, Unauthorized
from tests.running import KEY, Platform, Portal

BACKEND = "letterhead_client.django.EmailBackend"


@pytest.fixture(autouse=True)
def configured(desk: Platform, key: str) -> Iterator[None]:
    """Django with our backend, as a project's settings would name it."""
    if not settings.configured:
        settings.configure(EMAIL_BACKEND=BACKEND)
        django.setup()
    with override_settings(
        EMAIL_BACKEND=BACKEND,
        LETTERHEAD_URL=desk.address,
        LETTERHEAD_KEY=key,
        LETTERHEAD_PORTAL=None,
    ):
        yield


def listed(portal: Portal) -> list[Any]:
    found: list[Any] = portal.call("GET", "/messages")["items"]
    return found


def kept(portal: Portal, message_id: str) -> Parsed:
    raw = portal.ask("GET", f"/messages/{message_id}/body").content
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, Parsed)
    return found


def test_send_mail_with_djangos_default_sender(hart: Portal) -> None:
    sent = send_mail("Invoice 7: März", "Dear Anna", None, ["Anna Ø <anna@client.test>"])

    assert sent == 1
    assert [each["subject"] for each in listed(hart)] == ["Invoice 7: März"]


def test_alternatives_attachments_and_fields_arrive(hart: Portal) -> None:
    message = EmailMultiAlternatives(
        "Contract",
        "Dear Anna",
        "office@hart.test",
        ["anna@client.test"],
        bcc=["dora@client.test"],
        cc=["carl@client.test"],
        reply_to=["desk@hart.test"],
        headers={"X-Contract": "12"},
    )
    message.attach_alternative("<p>Dear <b>Anna</b></p>", "text/html")
    message.attach("contract.pdf", b"%PDF", "application/pdf")
    message.attach("notes.txt", "häuser", "text/plain")

    assert message.send() == 1

    (found,) = listed(hart)
    body = kept(hart, found["id"])
    people = [each["email"] for each in found["recipients"]]
    assert people == ["anna@client.test", "carl@client.test", "dora@client.test"]
    assert "dora" not in str(body)
    assert body["x-contract"] == "12"
    files = {each.get_filename(): each.get_content() for each in body.iter_attachments()}
    assert files["contract.pdf"] == b"%PDF"
    assert files["notes.txt"].strip() == "häuser"
    html = body.get_body(("html",))
    assert html is not None
    assert "<b>Anna</b>" in html.get_content()


def test_a_platform_key_sends_for_the_portal_that_a_message_names(
    desk: Platform, hart: Portal
) -> None:
    other = desk.portal(f"{hart.slug}-other")
    with override_settings(LETTERHEAD_KEY=KEY, LETTERHEAD_PORTAL=hart.slug):
        usual = EmailMessage("usual", "x", None, ["a@client.test"])
        named = EmailMessage(
            "named", "x", None, ["a@client.test"], headers={"X-Letterhead-Portal": other.slug}
        )
        assert get_connection().send_messages([usual, named]) == 2

    assert [each["subject"] for each in listed(hart)] == ["usual"]
    (found,) = listed(other)
    assert found["subject"] == "named"
    assert "X-Letterhead-Portal" not in str(kept(other, found["id"]))


def test_the_same_message_with_the_same_key_is_sent_once(hart: Portal) -> None:
    for _ in range(2):
        headers = {"X-Letterhead-Idempotency-Key": "7"}
        message = EmailMultiAlternatives("once", "x", None, ["a@client.test"], headers=headers)
        message.attach_alternative("<p>x</p>", "text/html")
        message.attach("contract.pdf", b"%PDF", "application/pdf")
        message.send()

    assert len(listed(hart)) == 1


def bad() -> EmailMessage:
    return EmailMessage("bad", "x", None, ["nobody"])


def test_what_is_refused_is_raised_or_kept_quiet(hart: Portal) -> None:
    good = EmailMessage("good", "x", None, ["a@client.test"])

    with pytest.raises(Invalid, match="to"):
        bad().send()
    with override_settings(LETTERHEAD_KEY="wrong"), pytest.raises(Unauthorized):
        send_mail("x", "y", None, ["a@client.test"])

    assert bad().send(fail_silently=True) == 0
    nobody = EmailMessage("to nobody", "x")
    assert get_connection(fail_silently=True).send_messages([bad(), nobody, good]) == 1
    assert [each["subject"] for each in listed(hart)] == ["good"]


def test_a_connection_stays_open_for_several_messages(hart: Portal) -> None:
    with get_connection() as connection:
        for number in range(3):
            message = EmailMessage(str(number), "x", None, ["a@client.test"])
            message.connection = connection
            message.send()

    assert len(listed(hart)) == 3


def test_a_missing_address_is_djangos_own_error() -> None:
    with override_settings(LETTERHEAD_URL=""), pytest.raises(ImproperlyConfigured):
        send_mail("x", "y", None, ["a@client.test"])
