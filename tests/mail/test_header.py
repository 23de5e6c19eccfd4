"""Header fields as bytes: nothing gets in that ends a line, and nothing is lost by folding."""

import email
import email.policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from letterhead.mail import header
from letterhead.mail.address import Mailbox
from tests.bad_inputs import Row, rows

VALUES = rows("header_value")
REJECTED_VALUES = [row for row in VALUES if row.is_rejected]
CONTROLS = {"header_value-013"}  # "safe_log": safest is what is never taken
TAKEN_VALUES = [row for row in VALUES if not row.is_rejected and row.id not in CONTROLS]
BOB = Mailbox("bob@example.com")

writable = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
alphabet = st.one_of(st.sampled_from(" \t=?_\"\\<>,;:@().'aé😀"), writable)
values = st.one_of(
    st.text(alphabet, max_size=200),
    st.text("ab ,.=", max_size=400),
    st.from_regex(r"[a-z]{0,950}( [a-z]{1,950})?", fullmatch=True),
).filter(lambda value: header.value_problem(value) is None)
field_names = st.from_regex(r"X-[A-Za-z0-9-]{1,74}", fullmatch=True)
names = st.text(alphabet, max_size=80)


def read(field: bytes) -> EmailMessage:
    return email.message_from_bytes(field + b"\r\n", policy=email.policy.default)


def shown(field: bytes) -> list[tuple[str, str]]:
    """Names and addresses, by the older of Python's parsers: the newer splits long names."""
    (value,) = email.message_from_bytes(field, policy=email.policy.compat32).values()
    found = getaddresses([value.replace("\r\n", "")])
    return [(blanks(str(make_header(decode_header(name)))), box) for name, box in found]


def lines(octets: bytes) -> list[bytes]:
    """The lines of a field, which ends with CRLF and holds neither CR nor LF but in CRLF."""
    assert octets.endswith(b"\r\n")
    found = octets.removesuffix(b"\r\n").split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in found)
    return found


@pytest.mark.parametrize("row", REJECTED_VALUES, ids=str)
def test_values_that_could_become_other_fields_are_refused(row: Row) -> None:
    assert header.value_problem(row.text) is not None
    assert header.display_name_problem(row.text) is not None


def test_a_name_that_is_shown_is_shorter_than_a_value() -> None:
    name = "a" * (header.NAME_LIMIT + 1)

    assert header.display_name_problem(name) is not None
    assert header.value_problem(name) is None


@pytest.mark.parametrize("row", [row for row in VALUES if row.id in CONTROLS], ids=str)
def test_escape_sequences_do_not_get_as_far_as_a_log(row: Row) -> None:
    assert header.value_problem(row.text) is not None


@pytest.mark.parametrize("row", TAKEN_VALUES, ids=str)
def test_odd_values_are_taken_and_stay_one_field(row: Row) -> None:
    field = header.unstructured("Subject", row.text)

    assert header.value_problem(row.text) is None
    assert read(field).items() == [("Subject", row.text)]
    assert max(map(len, lines(field))) <= 78


@pytest.mark.parametrize("row", TAKEN_VALUES, ids=str)
def test_an_odd_name_stays_the_name_of_one_mailbox(row: Row) -> None:
    field = header.mailboxes("To", [Mailbox(BOB.email, row.text)])

    assert shown(field) == [(row.text, BOB.email)]


@pytest.mark.parametrize("row", rows("header_name"), ids=str)
def test_names_that_are_ours_or_no_names_are_refused(row: Row) -> None:
    assert header.field_name_problem(row.text) is not None


@pytest.mark.parametrize("name", ["bcc", "CONTENT-TYPE", "DKIM-Signature", "Resent-To", "X" * 77])
def test_ours_are_ours_in_any_letter_case(name: str) -> None:
    assert header.field_name_problem(name) is not None


@pytest.mark.parametrize("name", ["X-Invoice", "List-Unsubscribe", "References", "X" * 76])
def test_other_fields_are_the_callers(name: str) -> None:
    assert header.field_name_problem(name) is None


@pytest.mark.parametrize("size", [header.VALUE_LIMIT, header.VALUE_LIMIT + 1])
def test_a_value_is_measured_in_octets(size: int) -> None:
    fits = size <= header.VALUE_LIMIT

    assert (header.value_problem("a" * size) is None) is fits
    assert (header.value_problem("é" * (size // 2) + "a" * (size % 2)) is None) is fits


@given(field_names, values)
@example("Subject", " leading and trailing blanks ")
@example("X-" + "a" * 74, "a name that fills the line")
@example("X-Long", "a" * 900)
@example("X-Blanks", "two  blanks " * 9 + "a")
@example("X-Long", "a" * 901)
@example("X-Coded", "=?utf-8?q?not_coded?=")
def test_folding_keeps_the_text(name: str, value: str) -> None:
    field = header.unstructured(name, value)

    assert max(map(len, lines(field))) <= 998
    assert read(field).items() == [(name, value)]


@given(st.lists(st.builds(Mailbox, st.just(BOB.email), names), min_size=1, max_size=4))
@example([Mailbox(BOB.email, 'Bob "the Builder" \\ Co., Ltd')])
@example([Mailbox(BOB.email, " "), Mailbox(BOB.email, "=?utf-8?q?a?="), BOB])
def test_mailboxes_keep_their_names_and_addresses(boxes: list[Mailbox]) -> None:
    field = header.mailboxes("Reply-To", boxes)

    assert shown(field) == [(blanks(each.name), each.email) for each in boxes]
    assert [each.addr_spec for each in read(field)["Reply-To"].addresses] == [BOB.email] * len(
        boxes
    )
    assert max(map(len, lines(field))) <= 998


@given(st.text(alphabet.filter(lambda char: char not in "\t/\\"), min_size=1, max_size=120))
@example("Rechnung für Größe und Maß - Übersicht aller Änderungen im Überblick.pdf")
@example("a" * 200 + ".pdf")
@example("=?utf-8?q?=2e=2e=2f?=")
def test_a_parameter_keeps_its_value(value: str) -> None:
    field = header.verbatim(
        "Content-Disposition", "attachment" + header.parameter("filename", value)
    )

    found = read(field)["Content-Disposition"].params["filename"]
    assert blanks(found) == blanks(value)
    assert max(map(len, lines(field))) <= 998


def blanks(text: str) -> str:
    """The text with one blank for several in a row, which parsers do not tell apart."""
    return " ".join(text.split())
