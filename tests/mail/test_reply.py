"""A server's reply: what it said, made harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import reply
from letterhead.mail.reply import TEXT_LIMIT, Reply, Stage


@pytest.mark.parametrize(
    ("text", "enhanced"),
    [
        ("5.7.60 SendAsDenied", "5.7.60"),
        ("4.2.1", "4.2.1"),
        ("5.1.1\nNo such user", "5.1.1"),
        ("Sorry: 5.1.1", None),
        ("5.1.1: who?", None),
        ("1.2.3 odd", None),
        ("5.1.1234 odd", None),
        ("", None),
    ],
)
def test_an_enhanced_code_stands_at_the_start(text: str, enhanced: str | None) -> None:
    assert Reply(Stage.MESSAGE, 550, text).enhanced == enhanced


@pytest.mark.parametrize(
    ("code", "positive"), [(250, True), (251, True), (354, False), (550, False)]
)
def test_two_hundreds_are_positive(code: int, *, positive: bool) -> None:
    assert Reply(Stage.MESSAGE, code).positive is positive


@pytest.mark.parametrize(
    ("pasted", "found"),
    [
        ("550 5.1.1 No such user", Reply(Stage.RECIPIENT, 550, "5.1.1 No such user")),
        ("  450 Busy \r\n", Reply(Stage.RECIPIENT, 450, "Busy")),
        ("550-5.1.1 No\r\n550 5.1.1 way", Reply(Stage.RECIPIENT, 550, "5.1.1 No\n5.1.1 way")),
        ("250", Reply(Stage.RECIPIENT, 250, "250")),
        ("9999 wat", None),
        ("99 wat", None),
        ("199 wat", None),
        ("Undelivered", None),
        ("", None),
    ],
)
def test_a_reply_is_read_as_people_paste_it(pasted: str, found: Reply | None) -> None:
    assert reply.read_reply(pasted, Stage.RECIPIENT) == found


@pytest.mark.parametrize("raw", [b"\x1b[31mred", b"a\0b", "\u202etxt", "a\u2028b", "\ud800"])
def test_what_could_lead_a_reader_astray_is_replaced(raw: bytes | str) -> None:
    assert "\N{REPLACEMENT CHARACTER}" in reply.safe_text(raw)


@given(st.one_of(st.binary(max_size=100), st.text(max_size=100), st.text().map("x".__add__)))
def test_any_text_becomes_harmless(raw: bytes | str) -> None:
    found = reply.safe_text(raw)

    assert found.encode().decode() == found
    assert all(char in "\t\n" or ord(char) > 31 for char in found)
    assert reply.safe_text(found) == found


def test_a_long_text_is_cut() -> None:
    assert len(reply.safe_text(b"a" * 10_000)) == TEXT_LIMIT
