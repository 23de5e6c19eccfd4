"""Which addresses a portal's server may have: public ones, and what the operator allows."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.egress.addresses import allowed, is_public, may_be_reached

FORBIDDEN = [
    *("0.1.2.3", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
    *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fe80::1", "fec0::1"),
    *("fd00:ec2::254", "fc00::1", "ff02::1", "100::1", "168.63.129.16"),
]
PUBLIC = ["8.8.8.8", "52.96.0.1", "142.250.1.1", "2a00:1450:4001::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_addresses_that_no_public_server_has(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_addresses_of_the_public_internet(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_changes_nothing(address: IPv4Address) -> None:
    number = int(address)

    mapped = is_public(IPv6Address(0xFFFF << 32 | number))
    translated = is_public(IPv6Address((0x64FF9B << 96) | number))

    assert mapped is translated is is_public(address)


@pytest.mark.parametrize(
    ("entries", "where", "port", "reached"),
    [
        ("", "8.8.8.8", 587, True),
        ("", "8.8.8.8", 8465, True),  # of a preset
        ("", "127.0.0.1", 8465, False),
        ("", "8.8.8.8", 22, False),
        ("", "127.0.0.1", 587, False),
        ("127.0.0.0/8", "127.0.0.1", 4711, True),
        ("127.0.0.0/8:587", "127.0.0.1", 587, True),
        ("127.0.0.0/8:587", "127.0.0.1", 465, False),
        ("10.0.0.0/8, [fd00::/8]:25", "fd00::1", 25, True),
        ("10.0.0.0/8, [fd00::/8]:25", "10.0.0.1", 25, True),
        ("fd00::/8", "fd00::1", 4711, True),
        ("192.168.1.7", "192.168.1.8", 25, False),
    ],
)
def test_the_operator_may_allow_more(entries: str, where: str, port: int, *, reached: bool) -> None:
    assert may_be_reached(ip_address(where), port, allowed(entries)) is reached


@pytest.mark.parametrize("text", ["localhost", "10.0.0.1/8", "10.0.0.0/8:0", "10.0.0.0/8:65536"])
def test_an_exception_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.replace(".", r"\.").partition(":")[0]):
        allowed(text)
