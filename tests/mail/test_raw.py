"""Messages that come as bytes: vetted at the door, or refused with a reason."""

import email
import email.policy
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from letterhead.errors import Invalid, TooLarge
from letterhead.mail import raw
from letterhead.mail.address import Mailbox
from letterhead.mail.message import MESSAGE_LIMIT
from tests.bad_inputs import Row, rows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LETTER = (
    b"From: Office <office@firm.example>\r\n"
    b"Reply-To: desk@firm.example\r\n"
    b"To: Anna <anna@example.com>, bob@EXAMPLE.com\r\n"
    b"Cc: =?utf-8?q?J=C3=BCrgen?= <juergen@example.com>\r\n"
    b"Bcc: secret@example.com\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from\r\n us\r\n"
    b"Date: Sun, 01 Mar 2026 08:00:00 +0000\r\n"
    b"Message-ID: <1@firm.example>\r\n"
    b"Return-Path: <x@firm.example>\r\n"
    b"Received: from a by b\r\n"
    b"Resent-From: x@evil.example\r\n"
    b"DKIM-Signature: v=1\r\n"
    b"X-Letterhead-Portal: 8\r\n"
    b"X-Invoice: 7\r\n"
    b"\r\n"
    b"Hello\r\n"
)
HARMLESS = {"mime-015", "mime-017"}  # "strip_or_reject" and "accept_no_crash"
REFUSED = [row for row in rows("mime") if row.id not in HARMLESS]
ACCEPTED = [row for row in rows("mime") if row.id in HARMLESS]

address_fields = st.sampled_from([b"From", b"To", b"Cc", b"Bcc", b"Reply-To", b"Sender"])
pieces = st.sampled_from(
    [
        *(b"a@x.com", b"<b@y.com>", b"Anna", b'"', b"\\", b"(", b")", b"<", b">", b"@", b",", b";"),
        *(b":", b".", b" ", b"[", b"]", b"=?utf-8?q?=41?=", b"=?utf-8?b?!?=", b"=?x?q?a?=", b"\t"),
        *(b"\r\n ", b"=?", b"?=", b"g:a@x.com;", b"@r:", b"[127.0.0.1]", b"\x7f", b"\x01"),
    ]
)
hostile_values = st.lists(pieces, max_size=12).map(b"".join)


def read(octets: bytes) -> raw.RawMessage:
    return raw.read(octets, date=NOW)


def problems(octets: bytes) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        read(octets)
    return [(each.field, each.code) for each in refused.value.problems]


def addressed(octets: bytes) -> bytes:
    return b"To: x@y.com\r\n" + octets


def test_recipients_and_subject_are_read() -> None:
    found = read(LETTER)

    assert found.to == (Mailbox("anna@example.com", "Anna"), Mailbox("bob@example.com"))
    assert found.cc == (Mailbox("juergen@example.com", "Jürgen"),)
    assert found.bcc == (Mailbox("secret@example.com"),)
    assert found.reply_to == (Mailbox("desk@firm.example"),)
    assert found.subject == "Grüße from us"


def test_our_own_fields_are_taken_out_and_the_rest_stays_to_the_octet() -> None:
    found = read(LETTER)

    assert found.content == (
        b"To: Anna <anna@example.com>, bob@EXAMPLE.com\r\n"
        b"Cc: =?utf-8?q?J=C3=BCrgen?= <juergen@example.com>\r\n"
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from\r\n us\r\n"
        b"Date: Sun, 01 Mar 2026 08:00:00 +0000\r\n"
        b"X-Invoice: 7\r\n"
        b"\r\n"
        b"Hello\r\n"
    )


def test_a_message_without_a_date_gets_one() -> None:
    found = read(b"To: a@x.com\r\n\r\nHello\r\n")

    assert found.content.startswith(b"Date: Sun, 01 Mar 2026 12:00:00 +0000\r\nTo: ")


@pytest.mark.parametrize("octets", [b"To: a@x.com\n\nHello\n", b"To: a@x.com\n\nHello"])
def test_a_file_of_unix_gets_the_line_ends_of_mail(octets: bytes) -> None:
    assert read(octets).content.endswith(b"To: a@x.com\r\n\r\nHello\r\n")


@pytest.mark.parametrize("octets", [b"To: a@x.com", b"To: a@x.com\r\n", b"To: a@x.com\r\n\r\n"])
def test_a_message_may_be_a_header_alone(octets: bytes) -> None:
    assert read(octets).content.endswith(b"To: a@x.com\r\n\r\n")


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_hostile_messages_are_refused(row: Row) -> None:
    with pytest.raises(Invalid):
        read(addressed(row.octets))


@pytest.mark.parametrize("row", ACCEPTED, ids=str)
def test_odd_messages_are_taken_without_what_is_ours(row: Row) -> None:
    found = read(addressed(row.octets))

    assert found.to == (Mailbox("x@y.com"),)
    assert b"From:" not in found.content


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (b"", [("to", "required")]),
        (b"\r\nTo: a@x.com\r\n", [("to", "required")]),
        (b"To: undisclosed-recipients:;\r\n\r\n", [("to", "required")]),
        (b"To: " + b", ".join([b"a@x.com"] * 101) + b"\r\n\r\n", [("to", "too_many")]),
        (b"To: a@x.com\r\nTo: b@x.com\r\n\r\n", [("to", "duplicate")]),
        (
            b"To: a@x.com\r\nContent-Type: a/b\r\ncontent-type: c/d\r\n\r\n",
            [("content-type", "duplicate")],
        ),
        (b"To: a@x.com\r\nFrom: a@x.com, b@x.com\r\n\r\n", [("from", "invalid")]),
        (b"To: a@x.com\r\nFrom: a@x.com\r\nSender: b@y.com\r\n\r\n", [("sender", "invalid")]),
        (b"To: a@localhost\r\n\r\n", [("to", "invalid")]),
        (b"To: =?utf-8?q?a=40x=2Ecom?=\r\n\r\n", [("to", "malformed")]),
        (b"To: =?utf-8?q?A=0D=0AB?= <a@x.com>\r\n\r\n", [("to", "malformed")]),
        (b"To: =?utf-8?q?A=E2=80=A8B?= <a@x.com>\r\n\r\n", [("to", "invalid")]),
        (b"To: a@x.com, <b@y.com\r\n\r\n", [("to", "malformed")]),
        (b"To: a@x.com\r\nno field\r\n\r\n", [("headers", "malformed")]),
        (b" To: a@x.com\r\n\r\n", [("headers", "malformed")]),
        (b"To: a@x.com\r\nSubject: \xc3\xbc\r\n\r\n", [("headers", "not_ascii")]),
        (b"To: a@x.com\r\nSubject: \0\r\n\r\n", [("body", "nul")]),
        (b"To: a@x.com\r\n" + b"X-A: b\r\n" * 8192 + b"\r\n", [("headers", "too_large")]),
        (b"To: a@x.com\r\n\r\na\nb\r\n", [("body", "line_ends")]),
        (b"To: a@x.com\r\n\r\na\rb\r\n", [("body", "line_ends")]),
        (b"To: a@x.com\r\n\r\nend\r", [("body", "line_ends")]),
    ],
)
def test_every_problem_is_named_by_its_field(octets: bytes, found: list[tuple[str, str]]) -> None:
    assert problems(octets) == found


@pytest.mark.parametrize("end", [b"\r\n", b"", b"\r\nmore\r\n"])
def test_a_line_has_998_octets_at_most_the_last_one_too(end: bytes) -> None:
    longest = b"To: a@x.com\r\n\r\n" + b"a" * raw.LINE_LIMIT

    assert read(longest + end).to == (Mailbox("a@x.com"),)
    assert problems(longest + b"a" + end) == [("body", "line_too_long")]


@given(st.lists(st.integers(0, 1100), min_size=1, max_size=6), st.sampled_from([b"\r\n", b""]))
def test_no_line_of_a_body_is_longer_than_998_octets(lengths: list[int], end: bytes) -> None:
    body = b"\r\n".join(b"a" * each for each in lengths) + end

    if max(lengths) > raw.LINE_LIMIT:
        assert problems(b"To: a@x.com\r\n\r\n" + body) == [("body", "line_too_long")]
    else:
        assert read(b"To: a@x.com\r\n\r\n" + body).to == (Mailbox("a@x.com"),)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E) | st.sampled_from("=? ")))
@example("=?utf-8?q?=41?=")
@example("1 + 1 =? 2")
def test_a_subject_is_what_mail_programs_show(text: str) -> None:
    octets = b"To: a@x.com\r\nSubject: " + text[:800].encode() + b"\r\n\r\nHello\r\n"

    shown = email.message_from_bytes(octets, policy=email.policy.SMTP)["subject"]
    assert read(octets).subject == shown.strip(" ")


def test_a_message_over_the_limit_is_too_large() -> None:
    with pytest.raises(TooLarge):
        read(b"To: a@x.com\r\n\r\n" + b"a" * MESSAGE_LIMIT)


def test_a_message_may_have_so_many_parts_so_deep() -> None:
    many = b"".join(b"\r\n--b\r\n\r\nx" for _ in range(raw.PARTS)) + b"\r\n--b--\r\n"
    top = b"To: a@x.com\r\nContent-Type: multipart/mixed; boundary=b\r\n"
    deep = [
        b'\r\n--%d\r\nContent-Type: multipart/mixed;\r\n boundary="%d"\r\n' % (at, at + 1)
        for at in range(raw.DEPTH)
    ]
    deepest = b"To: a@x.com\r\nContent-Type: multipart/mixed; boundary=0\r\n"

    assert read(top + many).to
    assert problems(top + b"\r\n--b\r\n\r\nx" + many) == [("body", "too_complex")]
    assert read(deepest + b"".join(deep[:-1])).to
    assert problems(deepest + b"".join(deep)) == [("body", "too_complex")]


@pytest.mark.parametrize(
    "value", [b"(" * 900, b"(" * 400 + b")" * 400, b"a@x.com " + b"\r\n ".join([b"(" * 900] * 20)]
)
def test_nested_comments_do_not_overflow_the_stack(value: bytes) -> None:
    with pytest.raises(Invalid):
        read(b"To: " + value + b"\r\n\r\n")


@pytest.mark.parametrize("piece", [b"\\", b'"', b"(a)", b"a ", b"a.", b'",', b"a:,", b"a@x.com,"])
def test_addresses_that_are_costly_to_read_are_refused_at_little_cost(piece: bytes) -> None:
    line = piece * (900 // len(piece))
    octets = b"To: b@x.com,\r\n " + b"\r\n ".join([line] * 60) + b"\r\n\r\n"
    begun = time.process_time()

    found = problems(octets)

    assert found == [("headers", "too_large")]
    assert time.process_time() - begun < 1


def test_a_hundred_recipients_with_names_are_not_too_many_to_read() -> None:
    box = b'"Anna Maria Longname (Company, Department)" <anna.maria.longname@mail.example.com>'
    octets = b"To: " + b",\r\n ".join([box] * 100) + b"\r\n\r\nHello\r\n"

    assert len(read(octets).to) == 100


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=200).map(addressed)))
@example(b"\r\n\r\n")
@example(b":\r\n\r\n")
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    try:
        found = read(octets)
    except (Invalid, TooLarge):
        return

    assert found.content.endswith(b"\r\n")


@given(address_fields, hostile_values)
@example(b"To", b"<")
@example(b"Cc", b"<@")
@example(b"From", b"a@[")
def test_any_addresses_are_read_or_refused(name: bytes, value: bytes) -> None:
    octets = b"%s: %s\r\n%sSubject: x\r\n\r\nx\r\n" % (
        name,
        value,
        b"" if name == b"To" else b"To: a@x.com\r\n",
    )

    try:
        found = read(octets)
    except Invalid:
        return

    for each in (*found.to, *found.cc, *found.bcc, *found.reply_to):
        assert each.email.encode().lower() in value.lower() or each.email == "a@x.com"


@given(hostile_values)
@example(b"=?utf-8?q?=0D=0ABcc:?=")
def test_any_subject_is_kept_on_one_line(value: bytes) -> None:
    octets = b"To: a@x.com\r\nSubject: %s\r\n\r\nx\r\n" % value

    try:
        found = read(octets)
    except Invalid:
        return

    assert found.subject.isprintable() or "\xa0" in found.subject
    assert len(found.subject.splitlines()) <= 1


def test_what_is_kept_can_be_read_by_others() -> None:
    found = read(LETTER)

    whole = email.message_from_bytes(found.content, policy=email.policy.default)
    assert whole["Subject"] == "Grüße from us"
    assert whole.get_content().splitlines() == ["Hello"]
    assert not whole.defects
