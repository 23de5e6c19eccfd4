"""A message as bytes: whatever is handed in can be read again, and every line is right."""

import email
import email.policy
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses

from hypothesis import example, given, settings
from hypothesis import strategies as st

from letterhead.mail import header, message, mime
from letterhead.mail.address import Mailbox
from letterhead.mail.message import Attachment, Message, MessageClass

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA = Mailbox("anna@example.com", "Anna Ö.")
BOB = Mailbox("bob@example.com")
SENDER = Mailbox("office@firm.example", "Firm & Söhne, Inc.")
HEAD = mime.head(sender=SENDER, reply_to=[BOB], message_id="<7@firm.example>")
PDF = Attachment("Rechnung März.pdf", "application/pdf", bytes(range(256)) * 9)
LOGO = Attachment("logo.png", "image/png", b"\x89PNG", content_id="logo")
LETTER = Message(to=[ANNA, BOB], subject="Grüße", text="Hello\n", html="<p>Hällo</p>\n")
LONG_TYPE = f"{'a' * 100}/{'b' * 100}; {'c' * 26}={'d' * 25}"  # no longer one is accepted

alphabet = st.one_of(
    st.sampled_from(" \t=?_\"\\<>,;:@().'-aé😀"),
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]),
)
one_line = st.text(alphabet, max_size=100)
filenames = st.text(alphabet.filter(lambda char: char not in "\t\\/"), min_size=1, max_size=100)
texts = st.one_of(
    st.text(st.one_of(alphabet, st.sampled_from("\r\n.=_ ")), max_size=300),
    st.text(st.sampled_from("a b=_.\n"), max_size=300),
    st.integers(850, 1100).map("a".__mul__),
)
mailboxes = st.builds(
    Mailbox, st.from_regex(r"[a-z]{1,9}@[a-z]{1,9}\.test", fullmatch=True), one_line
)
attachments = st.builds(
    Attachment,
    filenames,
    st.sampled_from(["application/pdf", "text/plain; charset=utf-8", "image/png", LONG_TYPE]),
    st.binary(max_size=300),
    st.sampled_from([None, "logo", "a.b@c"]),
)
letters = st.builds(
    Message,
    to=st.lists(mailboxes, min_size=1, max_size=3),
    cc=st.lists(mailboxes, max_size=2),
    bcc=st.just([Mailbox("secret@hidden.test")]),
    subject=one_line,
    text=st.none() | texts,
    html=st.none() | texts,
    attachments=st.lists(attachments, max_size=3),
    headers=st.lists(st.tuples(st.sampled_from(["X-A", "X-B"]), one_line), max_size=2),
    message_class=st.sampled_from(MessageClass),
).filter(lambda letter: not message.problems(letter, NOW))


def whole(letter: Message) -> bytes:
    return HEAD + mime.compose(letter, date=NOW)


def read(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, policy=email.policy.default)


@settings(max_examples=40)
@given(letters)
@example(LETTER)
@example(replace(LETTER, attachments=[PDF, LOGO]))
@example(replace(LETTER, text=None, html=None, attachments=[PDF]))
@example(replace(LETTER, attachments=[replace(PDF, filename='"quoted"; name="x'), LOGO]))
@example(replace(LETTER, text="From here\n.\n..\n--=_mixed_=--\n", attachments=[PDF]))
@example(replace(LETTER, text="trailing blank \r\nand tab\t\rand = and a" + "b" * 999))
def test_what_is_composed_can_be_read_again(letter: Message) -> None:
    octets = whole(letter)

    found = read(octets)
    assert found["Subject"] == letter.subject
    assert [boxes(octets, "To"), boxes(octets, "Cc")] == [expected(letter.to), expected(letter.cc)]
    assert text_of(found, "plain") == unix(letter.text)
    assert text_of(found, "html") == unix(letter.html)
    assert files(found) == sorted(
        (blanks(each.filename), each.content) for each in letter.attachments
    )
    assert [*found.get_all("X-A", []), *found.get_all("X-B", [])] == [
        value for name in ("X-A", "X-B") for each, value in letter.headers if each == name
    ]
    assert not defects(found)


@settings(max_examples=40)
@given(letters)
@example(replace(LETTER, attachments=[replace(PDF, content_type=LONG_TYPE)]))
def test_every_line_ends_with_crlf_and_is_of_998_octets_at_most(letter: Message) -> None:
    octets = whole(letter)

    lines = octets.split(b"\r\n")
    assert lines[-1] == b""
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) <= 998
    assert octets.isascii()


@settings(max_examples=10)
@given(letters)
def test_nobody_learns_of_blind_copies(letter: Message) -> None:
    assert b"hidden.test" not in whole(letter)


def test_the_head_says_who_it_is_from() -> None:
    found = read(HEAD + b"\r\n")

    assert found["From"].addresses[0].display_name == SENDER.name
    assert found["From"].addresses[0].addr_spec == SENDER.email
    assert found["Reply-To"] == BOB.email
    assert found["Message-ID"] == "<7@firm.example>"


def test_a_head_without_reply_to_has_no_such_field() -> None:
    found = read(mime.head(sender=SENDER, reply_to=[], message_id="<7@firm.example>"))

    assert found.keys() == ["From", "Message-ID"]


def test_equal_messages_give_equal_bytes() -> None:
    letter = replace(LETTER, attachments=[PDF, LOGO])

    assert mime.compose(letter, date=NOW) == mime.compose(replace(letter), date=NOW)


def test_parts_are_nested_as_mail_programs_expect() -> None:
    letter = replace(LETTER, attachments=[PDF, LOGO])

    found = read(whole(letter))

    assert [each.get_content_type() for each in found.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    inline = next(each for each in found.walk() if each["Content-ID"])
    assert (inline["Content-ID"], inline.get_content_disposition()) == ("<logo>", "inline")


def test_a_single_text_stands_for_itself() -> None:
    found = read(whole(replace(LETTER, html=None)))

    assert found.get_content_type() == "text/plain"
    assert found["Content-Transfer-Encoding"] == "7bit"


def test_mail_of_the_platform_says_that_no_person_wrote_it() -> None:
    found = [read(whole(replace(LETTER, message_class=kind))) for kind in MessageClass]

    assert [each["Auto-Submitted"] for each in found] == [None, "auto-generated", "auto-generated"]


def test_the_date_is_the_one_that_is_given() -> None:
    found = read(whole(LETTER))

    assert found["Date"].datetime == NOW


def test_a_hundred_recipients_with_long_names_keep_to_the_limit_of_a_line() -> None:
    crowd = [Mailbox("a" * 64 + "@" + "b" * 60 + ".test", "é" * header.NAME_LIMIT)] * 100

    octets = whole(replace(LETTER, to=crowd))

    assert len(read(octets)["To"].addresses) == 100
    assert max(map(len, octets.split(b"\r\n"))) <= 998


def boxes(octets: bytes, name: str) -> list[tuple[str, str]]:
    """Names and addresses, by the older of Python's parsers: the newer splits long names."""
    value = email.message_from_bytes(octets, policy=email.policy.compat32).get(name, "")
    found = getaddresses([value.replace("\r\n", "").replace("\n", "")]) if value else []
    return [(blanks(str(make_header(decode_header(each)))), box) for each, box in found]


def expected(wanted: Iterable[Mailbox]) -> list[tuple[str, str]]:
    return [(blanks(each.name), each.email) for each in wanted]


def files(found: EmailMessage) -> list[tuple[str, bytes]]:
    parts = [each for each in found.walk() if each.get_content_disposition()]
    return sorted((filename(each), octets(each)) for each in parts)


def filename(part: EmailMessage) -> str:
    return blanks(part["Content-Disposition"].params["filename"])


def octets(part: EmailMessage) -> bytes:
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


def text_of(found: EmailMessage, kind: str) -> str | None:
    """The text of a kind that is no attachment, with LF, without the last one."""
    parts = [
        each
        for each in found.walk()
        if each.get_content_type() == f"text/{kind}" and not each.get_content_disposition()
    ]
    return unix(parts[0].get_content()) if parts else None


def unix(text: str | None) -> str | None:
    if text is None:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


def blanks(text: str) -> str:
    """The text with one blank for several in a row, which parsers do not tell apart."""
    return " ".join(text.split())


def defects(found: EmailMessage) -> list[object]:
    return [defect for each in found.walk() for defect in each.defects]
