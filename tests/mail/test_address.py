"""The strict grammar of addresses and host names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import address
from letterhead.mail.address import ADDRESS_LIMIT, LOCAL_LIMIT
from tests.bad_inputs import VALID_NAMES, Row, rows

# Right as names; what they lead to is vetted by egress when they are resolved.
ACCEPTED = [row for row in rows("address") if row.expect.startswith("accept")]
REFUSED = [row for row in rows("address") if row.is_rejected]
NO_HOSTS = [row for row in rows("host") if row.value not in VALID_NAMES]
HOSTS = [row for row in rows("host") if row.value in VALID_NAMES]

plain_labels = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
domains = st.lists(plain_labels, min_size=2, max_size=4).map(".".join)
local_parts = st.from_regex(r"[A-Za-z0-9_+'-]{1,20}(\.[A-Za-z0-9_+'-]{1,20}){0,2}", fullmatch=True)
nearly_addresses = st.text(
    st.one_of(
        st.sampled_from('abcAB09@@..-_+<>()"\\ ,;:\r\n\t\0=?[]%!é。\u200b\u0430x'), st.characters()
    ),
    max_size=40,
)


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_what_is_no_plain_address_is_refused(row: Row) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        address.address(row.text)


@pytest.mark.parametrize("row", ACCEPTED, ids=str)
def test_unusual_addresses_are_accepted_or_safely_refused(row: Row) -> None:
    wanted = row.expect.partition("accept_as:")[2] or row.text

    try:
        found = address.address(row.text)
    except ValueError:
        assert row.expect.endswith("_or_reject")
    else:
        assert found == wanted


@pytest.mark.parametrize("row", NO_HOSTS, ids=str)
def test_what_is_no_name_is_no_host(row: Row) -> None:
    with pytest.raises(ValueError, match=r"host name"):
        address.host(row.text)


@pytest.mark.parametrize("row", HOSTS, ids=str)
def test_names_of_hosts_within_are_names_and_left_to_egress(row: Row) -> None:
    found = address.host(row.text)

    assert found == row.text.removesuffix(".")


def test_every_name_that_is_left_to_egress_is_in_the_table() -> None:
    assert {row.text for row in HOSTS} == VALID_NAMES


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("smtp.example.com", "smtp.example.com"),
        (" SMTP.Example.COM. ", "smtp.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--Bcher-kva.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("4.example", "4.example"),
        ("mailhost", "mailhost"),
    ],
)
def test_a_host_is_trimmed_and_folded(typed: str, host: str) -> None:
    assert address.host(typed) == host


@pytest.mark.parametrize("typed", ["", ".", " ", "a..b", "-a.com", "a-.com", "a b.com", "0x7f.0x1"])
def test_names_that_cannot_be_are_no_hosts(typed: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        address.host(typed)


def test_a_domain_needs_a_dot() -> None:
    with pytest.raises(ValueError, match="needs a dot"):
        address.domain("localhost")


def test_the_limits_of_length_are_kept_to_the_letter() -> None:
    longest_local = f"{'a' * LOCAL_LIMIT}@example.com"
    longest = f"{'a' * LOCAL_LIMIT}@{'b' * 63}.{'c' * 63}.{'d' * 61}"

    assert address.address(longest_local) == longest_local
    assert len(longest) == ADDRESS_LIMIT
    assert address.address(longest) == longest
    for too_long in (f"a{longest_local}", f"{longest}d"):
        with pytest.raises(ValueError, match="at most"):
            address.address(too_long)


def test_an_address_that_grows_over_the_limit_by_folding_is_refused() -> None:
    text = f"{'a' * LOCAL_LIMIT}@{'ü.' * 25}example"

    with pytest.raises(ValueError, match="at most"):
        address.address(text)


@given(local_parts, domains)
def test_plain_addresses_are_accepted_as_they_are(local: str, domain: str) -> None:
    text = f"{local}@{domain}"

    found = address.address(text)

    assert found == text


@given(nearly_addresses)
def test_whatever_is_accepted_can_stand_between_angle_brackets(text: str) -> None:
    try:
        found = address.address(text)
    except ValueError:
        return

    assert found.isascii()
    assert not set(found) & set('\r\n\0\t <>()",;:\\[]')
    assert found.count("@") == 1


@given(nearly_addresses)
def test_reading_what_was_read_changes_nothing(text: str) -> None:
    try:
        found = address.address(text)
    except ValueError:
        return

    assert address.address(found) == found


@given(st.one_of(nearly_addresses, st.from_regex("xn--[a-z0-9-]{0,30}([.][a-zäß\u0660]{0,9})?")))
def test_a_host_is_an_ascii_name_in_small_letters_or_refused(text: str) -> None:
    try:
        found = address.host(text)
    except ValueError:
        return

    assert found.isascii()
    assert found == found.lower() == address.host(found)
