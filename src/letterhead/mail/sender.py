"""Who a mail is from: the portal itself, or the platform in the portal's name."""

from collections.abc import Sequence
from dataclasses import dataclass

from letterhead.mail.address import Mailbox, same
from letterhead.mail.settings import (
    DefaultSettings,
    OwnSettings,
    SesSettings,
    Settings,
    SmtpSettings,
)


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform's own name and address, and where a staging system sends everything."""

    name: str
    address: str
    redirect_all_to: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """From and Reply-To of a mail; the address of From is the envelope's sender, too."""

    mailbox: Mailbox
    reply_to: Sequence[Mailbox]


def sender(
    settings: Settings, platform: Platform, *, name: str, reply_to: Sequence[Mailbox]
) -> Sender:
    """
    Say who a mail is from.

    `name` is what the message asks for, else the portal's; `reply_to` of the message goes before
    that of the settings.
    """
    match settings:
        case SesSettings() | SmtpSettings():
            return Sender(Mailbox(settings.from_address, name), reply_to)
        case DefaultSettings():
            via = Mailbox(platform.address, f"{name} via {platform.name}")
            ours = (Mailbox(settings.reply_to),) if settings.reply_to else ()
            return Sender(via, reply_to or ours)


def from_name(settings: Settings, *, asked: str | None, portal_name: str) -> str:
    """The name in From: as the message asks, else as the settings say, else the portal's."""
    return (
        asked
        or settings.from_name
        or (portal_name if isinstance(settings, DefaultSettings) else "")
    )


def header_id(message_id: str, settings: Settings, platform: Platform) -> str:
    """The Message-ID (RFC 5322, section 3.6.4); it stays the same for every attempt."""
    return f"<{message_id}@{own_address(settings, platform).rpartition('@')[2]}>"


def own_address(settings: Settings, platform: Platform) -> str:
    """The address that mail is sent as."""
    return settings.from_address if isinstance(settings, OwnSettings) else platform.address


def is_own(address: str, settings: Settings, platform: Platform) -> bool:
    """Whether an address, as somebody wrote it, is the one that mail is sent as."""
    try:
        return same(address, own_address(settings, platform))
    except ValueError:
        return False
