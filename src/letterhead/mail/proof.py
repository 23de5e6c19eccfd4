"""What a code proves: that a test mail arrived, or that a domain is the portal's."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

CODE_DIGITS = 6
WRONG_CODES = 6  # with so many wrong codes the test is void
AN_HOUR = 10  # test mails a portal may send in an hour
DOMAIN_CODES_AN_HOUR = 5  # mails to postmasters that a portal may cause in an hour
HOUR = timedelta(hours=1)
DOMAIN_CODE_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The newest test of a version; `accepted` is None until the server has answered."""

    message_id: str
    recipient: str
    sent_at: datetime
    code_digest: str
    wrong_codes: int = 0
    stages: Sequence[Mapping[str, Any]] = ()
    reply: Mapping[str, Any] | None = None
    fault: str | None = None
    accepted: bool | None = None
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None

    @property
    def void(self) -> bool:
        return self.wrong_codes >= WRONG_CODES

    @property
    def stands(self) -> bool:
        """Whether the server took the test mail, and the test was not voided since."""
        return self.accepted is True and not self.void


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainCode:
    """A code that was sent to the postmaster of a domain."""

    message_id: str
    domain: str
    sent_at: datetime
    code_digest: str
    wrong_codes: int = 0

    def stands(self, now: datetime) -> bool:
        """Whether it may still be entered."""
        return self.wrong_codes < WRONG_CODES and now < self.sent_at + DOMAIN_CODE_KEPT


def new_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def test_text(code: str, *, portal: str, server: str, page: str) -> str:
    """The words of a test mail; its link only fills the code in, since scanners open links."""
    return (
        f"This is a test mail for the Email Settings of {portal}.\n"
        "\n"
        f"It was handed over to {server}. If you read this, it has arrived.\n"
        "\n"
        "Give this code to the person who sent the test; entering it proves the arrival:\n"
        "\n"
        f"    {code}\n"
        "\n"
        "Who is signed in may open this address instead, where the code is filled in:\n"
        "\n"
        f"    {page}?code={code}\n"
    )


def domain_text(code: str, *, portal: str, domain: str, platform: str) -> str:
    """The words of the mail that asks a postmaster."""
    return (
        f"{portal} wants to send mail from addresses at {domain} through {platform}.\n"
        "\n"
        "If you agree, give this code to the person who asks for it:\n"
        "\n"
        f"    {code}\n"
        "\n"
        "If you do not know about this, do nothing: without the code nobody can do so.\n"
    )
