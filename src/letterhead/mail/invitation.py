"""What a person is written who is to come in to a portal's pages; a link has a line of its own."""

from datetime import timedelta
from typing import Protocol

LINKS_AN_HOUR = 5  # to one address
HOUR = timedelta(hours=1)


class Text(Protocol):
    """A mail around a link, of a portal at a platform."""

    def __call__(self, link: str, *, of: str, platform: str) -> str: ...


def subject(portal: str, platform: str) -> str:
    return f"Sign in to {portal} at {platform}"


def to_join(link: str, *, of: str, platform: str) -> str:
    """For whom has no password yet."""
    return (
        f"{platform} sends mail for {of}, and you are to look after it.\n"
        "\n"
        "Choose a password by this link. It works once, for three days:\n"
        "\n"
        f"{link}\n"
        "\n"
        "If you did not expect this mail, do nothing: without the link nobody can sign in as you.\n"
    )


def to_accept(link: str, *, of: str, platform: str) -> str:
    """For whom has a password already."""
    return (
        f"{platform} sends mail for {of}, and you are to look after it.\n"
        "\n"
        "Accept by this link, signed in with the password that you have:\n"
        "\n"
        f"{link}\n"
        "\n"
        "It works for three days. If you did not expect this mail, do nothing.\n"
    )


def to_choose(link: str, *, of: str, platform: str) -> str:
    """For whom has forgotten the password."""
    return (
        f"You look after the mail of {of} at {platform}.\n"
        "\n"
        "Choose another password by this link. It works once, for three days:\n"
        "\n"
        f"{link}\n"
        "\n"
        "If you did not expect this mail, do nothing.\n"
    )
