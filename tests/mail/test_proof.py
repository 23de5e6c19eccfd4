"""A test mail, and the code that proves its arrival."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from letterhead.mail import proof
from letterhead.mail.proof import WRONG_CODES, Proof

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASKED = Proof(message_id="7", recipient="me@firm.example", sent_at=NOW, code_digest="0")
ACCEPTED = replace(ASKED, accepted=True)


@pytest.mark.parametrize(
    ("test", "stands"),
    [
        (ASKED, False),
        (ACCEPTED, True),
        (replace(ASKED, accepted=False), False),
        (replace(ACCEPTED, wrong_codes=WRONG_CODES - 1), True),
        (replace(ACCEPTED, wrong_codes=WRONG_CODES), False),
    ],
)
def test_a_test_stands_once_accepted_until_too_many_codes_were_wrong(
    test: Proof, *, stands: bool
) -> None:
    assert test.stands is stands


def test_codes_have_six_digits_and_differ() -> None:
    codes = {proof.new_code() for _ in range(200)}

    assert all(len(code) == 6 and code.isdecimal() for code in codes)
    assert len(codes) > 150


def test_the_mail_says_what_the_code_is_for() -> None:
    page = "https://mail.desk.test/portals/firm/email-settings"

    text = proof.test_text("012345", portal="The Firm", server="smtp.example.com", page=page)

    assert "\n    012345\n" in text
    assert f"\n    {page}?code=012345\n" in text
    assert "The Firm" in text
    assert "smtp.example.com" in text
