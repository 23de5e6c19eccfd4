"""The rules that a message must keep to be accepted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from letterhead.mail import message
from letterhead.mail.address import Mailbox
from letterhead.mail.message import Attachment, Message
from tests.bad_inputs import Row, rows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA = Mailbox("anna@example.com", "Anna")
BOB = Mailbox("bob@example.com")
INVOICE = Attachment("invoice.pdf", "application/pdf", b"%PDF-1.7")
LETTER = Message(to=[ANNA], subject="Invoice 7", text="Attached.\n", attachments=[INVOICE])


def fields(letter: Message) -> list[tuple[str, str]]:
    return [(each.field, each.code) for each in message.problems(letter, NOW)]


def with_file(**changes: object) -> Message:
    return replace(LETTER, attachments=[replace(INVOICE, **changes)])  # type: ignore[arg-type]


def test_a_plain_letter_has_no_problems() -> None:
    assert fields(LETTER) == []


@pytest.mark.parametrize("row", rows("filename"), ids=str)
def test_file_names_that_mislead_are_refused(row: Row) -> None:
    assert fields(with_file(filename=row.text)) == [("attachments.0.filename", "invalid")]


@pytest.mark.parametrize("name", ["../../x", "a\\b", "tab\t", "\ud800", " ", "a" * 256, "\u2066x"])
def test_paths_controls_and_blanks_are_no_file_names(name: str) -> None:
    assert fields(with_file(filename=name)) == [("attachments.0.filename", "invalid")]


@pytest.mark.parametrize("name", ['"quoted"; x.pdf', "Rechnung März.pdf", "=?q?", "a" * 255])
def test_odd_but_harmless_file_names_are_taken(name: str) -> None:
    assert fields(with_file(filename=name)) == []


@pytest.mark.parametrize(
    "kind",
    [
        *("", "pdf", "application/", "multipart/mixed", "MESSAGE/rfc822", "text/plain\r\nX: y"),
        *("text/plain; charset", 'text/plain; x="\r\n"', "text/plain; x=é", "a/b; x=y;"),
        f"{'a' * 100}/{'b' * 100}; {'c' * 26}={'d' * 26}",
    ],
)
def test_media_types_are_of_a_simple_form(kind: str) -> None:
    assert fields(with_file(content_type=kind)) == [("attachments.0.content_type", "invalid")]


@pytest.mark.parametrize(
    "kind", ["text/csv; charset=utf-8", 'text/plain;format="flowed"', "application/vnd.a+json"]
)
def test_media_types_may_have_parameters(kind: str) -> None:
    assert fields(with_file(content_type=kind)) == []


@pytest.mark.parametrize("content_id", ["", "a b", "<a@b>", "a\r\nX: y", "é", "a" * 201])
def test_content_ids_are_of_a_simple_form(content_id: str) -> None:
    assert fields(with_file(content_id=content_id)) == [("attachments.0.content_id", "invalid")]


@pytest.mark.parametrize(
    ("letter", "found"),
    [
        (Message(), [("to", "required"), ("text", "required")]),
        (replace(LETTER, to=[], bcc=[BOB]), []),
        (replace(LETTER, to=[BOB] * 60, cc=[BOB] * 40), []),
        (replace(LETTER, to=[BOB] * 60, cc=[BOB] * 41), [("to", "too_many")]),
        (replace(LETTER, to=[replace(ANNA, name="A\nB")]), [("to.0.name", "invalid")]),
        (replace(LETTER, cc=[BOB, replace(ANNA, name="A" * 501)]), [("cc.1.name", "invalid")]),
        (replace(LETTER, bcc=[replace(ANNA, name="A\rB")]), [("bcc.0.name", "invalid")]),
        (replace(LETTER, reply_to=(Mailbox("a@b.c", "\0"),)), [("reply_to.0.name", "invalid")]),
        (replace(LETTER, from_name="A\u2028B"), [("from_name", "invalid")]),
        (replace(LETTER, subject="A\r\nBcc: b@c.d"), [("subject", "invalid")]),
        (replace(LETTER, attachments=[INVOICE] * 100), []),
        (replace(LETTER, attachments=[INVOICE] * 101), [("attachments", "too_many")]),
        (replace(LETTER, text=None), []),
        (replace(LETTER, text="", attachments=[]), []),
        (replace(LETTER, text="\0"), [("text", "invalid")]),
        (replace(LETTER, html="\ud800"), [("html", "invalid")]),
        (replace(LETTER, headers=[("Bcc", "b@c.d")]), [("headers.Bcc", "not_allowed")]),
        (replace(LETTER, headers=[("X-A", "1\n2")]), [("headers.X-A", "invalid")]),
        (replace(LETTER, headers=[("X-A", "1" * 1900)] * 9), [("headers", "too_large")]),
        (replace(LETTER, metadata={"order": 7, "paid": None}), []),
        (replace(LETTER, metadata={"a": "b" * 4096}), [("metadata", "too_large")]),
        (replace(LETTER, metadata={"a\0": "b"}), [("metadata", "invalid")]),
        (replace(LETTER, metadata={"a": "\udfff"}), [("metadata", "invalid")]),
        (replace(LETTER, send_at=NOW + timedelta(days=366)), []),
        (replace(LETTER, send_at=NOW + timedelta(days=367)), [("send_at", "too_late")]),
        (replace(LETTER, send_at=NOW - timedelta(days=1)), []),
    ],
)
def test_every_problem_is_named_by_its_field(letter: Message, found: list[tuple[str, str]]) -> None:
    assert fields(letter) == found


def test_texts_and_files_are_weighed_together() -> None:
    half = "é" * (message.MESSAGE_LIMIT // 4)
    letter = replace(LETTER, text=half, html=half, attachments=[])

    fits = fields(letter)
    is_too_large = fields(replace(letter, attachments=[INVOICE]))

    assert fits == []
    assert is_too_large == [("attachments", "too_large")]


def test_everybody_gets_one_copy_whatever_the_letter_case() -> None:
    letter = Message(to=[ANNA, BOB], cc=[Mailbox("ANNA@example.com")], bcc=[Mailbox("c@d.e"), BOB])

    found = message.recipients(letter)

    assert found == ["anna@example.com", "bob@example.com", "c@d.e"]
