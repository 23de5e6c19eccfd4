"""Which addresses mail may be sent to: the public Internet, and what the operator allows."""

import re
from collections.abc import Container
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from letterhead.mail.settings import PORTS, PRESET_PORTS

Address = IPv4Address | IPv6Address
NAME_SERVER_PORT = 53
MAIL_PORTS = PORTS | PRESET_PORTS
Network = IPv4Network | IPv6Network

_ENTRY = re.compile(r"\[([^\[\]]+)\](?::(\d{1,5}))?|([^:\[\]]+)(?::(\d{1,5}))?|([^\[\]]+:[^\[\]]*)")

# What no public server has. `is_global` lets several of them pass, and its answers differ
# between versions of Python, so it is only a second opinion.
_DENIED_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' NAT (RFC 6598)
            "127.0.0.0/8",
            "168.63.129.16/32",  # the host of Azure's virtual machines
            "169.254.0.0/16",  # link-local, and metadata of clouds
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",  # AS112 (RFC 7535)
            "192.52.193.0/24",  # AMT (RFC 7450)
            "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
            "192.168.0.0/16",
            "192.175.48.0/24",  # AS112 (RFC 7534)
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")  # all that is given out (RFC 4291, section 2.4)
_DENIED_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols' own: Teredo, ORCHID, benchmarks (RFC 2928)
            "2001:db8::/32",
            "2002::/16",  # 6to4 leads to an IPv4 address of the sender's choice
            "2620:4f:8000::/48",  # AS112 (RFC 7534)
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, section 2.1


@dataclass(frozen=True, slots=True)
class Allowed:
    """A network that may be reached although it is private, at one port or (None) at every port."""

    network: Network
    port: int | None

    def covers(self, address: Address, port: int) -> bool:
        return address in self.network and self.port in {None, port}


def allowed(text: str) -> tuple[Allowed, ...]:
    """Read `CIDR[:port],...`; IPv6 with a port is written as `[::1/128]:25`."""
    return tuple(_entry(each.strip()) for each in text.split(",") if each.strip())


def may_be_reached(
    address: Address,
    port: int,
    entries: tuple[Allowed, ...],
    ports: Container[int] = MAIL_PORTS,
) -> bool:
    """Say whether a server that is not the operator's may have this address and port."""
    if any(each.covers(address, port) for each in entries):
        return True
    return port in ports and is_public(address)


def is_name_server(address: Address, entries: tuple[Allowed, ...] = ()) -> bool:
    """Say whether a name server of somebody's domain may be asked at this address."""
    allowed_ = any(each.covers(address, NAME_SERVER_PORT) for each in entries)
    return allowed_ or is_public(address)


def is_public(address: Address) -> bool:
    """Say whether an address belongs to the public Internet, whatever it is wrapped in."""
    plain = unwrapped(address)
    if not plain.is_global or plain.is_multicast:
        return False
    if isinstance(plain, IPv4Address):
        return not any(plain in each for each in _DENIED_4)
    return plain in _GLOBAL_6 and not any(plain in each for each in _DENIED_6)


def unwrapped(address: Address) -> Address:
    """
    The IPv4 address that an IPv6 address stands for (mapped, NAT64), else the address itself.

    The other forms (compatible, local NAT64, 6to4, Teredo) are no way to a mail server.
    """
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address


def _entry(text: str) -> Allowed:
    found = _ENTRY.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not of the form CIDR or CIDR:port.")
    bracketed, port_6, plain, port_4, bare_6 = found.groups()
    try:
        network = ip_network(bracketed or plain or bare_6)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a network: {error}.") from error
    port = port_6 or port_4
    return Allowed(network, _port(port, text) if port else None)


def _port(digits: str, text: str) -> int:
    port = int(digits)
    if not 0 < port < 1 << 16:
        raise ValueError(f"{text!r} has no such port: ports are 1 to 65535.")
    return port
