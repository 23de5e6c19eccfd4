"""What a person is written who is to sign in to a portal's pages."""

from datetime import timedelta

LINKS_AN_HOUR = 5  # to one address
HOUR = timedelta(hours=1)


def subject(portal: str, platform: str) -> str:
    return f"Sign in to {portal} at {platform}"


def with_link(link: str, *, of: str, platform: str) -> str:
    """For whom has no password yet, or wants a new one; the link stands on a line of its own."""
    return (
        f"{platform} sends mail for {of}, and you are to look after it.\n"
        "\n"
        "Choose a password by this link. It works once, for three days:\n"
        "\n"
        f"{link}\n"
        "\n"
        "If you did not expect this mail, do nothing: without the link nobody can sign in as you.\n"
    )


def with_password(address: str, *, of: str, platform: str) -> str:
    """For whom has a password already."""
    return (
        f"{platform} sends mail for {of}, and you are to look after it.\n"
        "\n"
        "Sign in with the password that you have:\n"
        "\n"
        f"{address}\n"
    )
