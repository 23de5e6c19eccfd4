"""Who a mail is from."""

from letterhead.mail import sender
from letterhead.mail.address import Mailbox
from letterhead.mail.sender import Platform, Sender
from letterhead.mail.settings import DefaultSettings, SmtpSettings

PLATFORM = Platform("Portals Inc.", "mail@platform.example")
DEFAULT = DefaultSettings(from_name="Office", reply_to="office@firm.example")
SMTP = SmtpSettings(from_name="The Firm", from_address="office@firm.example")
ANNA = Mailbox("anna@firm.example", "Anna")


def test_the_portals_own_server_sends_as_the_portal() -> None:
    found = sender.sender(SMTP, PLATFORM, name="Office", reply_to=[ANNA])

    assert found == Sender(Mailbox("office@firm.example", "Office"), [ANNA])


def test_the_platform_sends_in_the_portals_name_and_answers_go_to_the_portal() -> None:
    found = sender.sender(DEFAULT, PLATFORM, name="Office", reply_to=())

    assert found.mailbox == Mailbox("mail@platform.example", "Office via Portals Inc.")
    assert found.reply_to == (Mailbox("office@firm.example"),)


def test_the_reply_to_of_the_message_goes_before_that_of_the_settings() -> None:
    found = sender.sender(DEFAULT, PLATFORM, name="Office", reply_to=[ANNA])

    assert found.reply_to == [ANNA]


def test_without_any_reply_to_there_is_none() -> None:
    found = sender.sender(DefaultSettings(), PLATFORM, name="Office", reply_to=())

    assert found.reply_to == ()


def test_the_name_is_asked_for_or_set_or_the_portals() -> None:
    names = [
        sender.from_name(settings, asked=asked, portal_name="Firm")
        for settings in (DEFAULT, DefaultSettings(), SMTP, SmtpSettings())
        for asked in ("Anna", None)
    ]

    assert names == ["Anna", "Office", "Anna", "Firm", "Anna", "The Firm", "Anna", ""]


def test_the_message_id_is_of_the_domain_that_sends() -> None:
    assert sender.header_id("7", SMTP, PLATFORM) == "<7@firm.example>"
    assert sender.header_id("7", DEFAULT, PLATFORM) == "<7@platform.example>"
