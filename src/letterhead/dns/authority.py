"""Asks the name servers of a zone itself, from the roots down: what they say is never old."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.name import Name

from letterhead.egress import Address
from letterhead.egress.addresses import NAME_SERVER_PORT

Server = tuple[str, int]
MayBeAsked = Callable[[Address], bool]

# The root servers (https://www.iana.org/domains/root/servers), a to m.
ROOTS: Sequence[Server] = tuple(
    (address, 53)
    for address in (
        *("198.41.0.4", "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10"),
        *("192.5.5.241", "192.112.36.4", "198.97.190.53", "192.36.148.17", "192.58.128.30"),
        *("193.0.14.129", "199.7.83.42", "202.12.27.33"),
    )
)

_ONE_TRY = 1.0  # seconds until the next server is asked
_SERVERS = 4  # that are asked for one answer
_STEPS = 16  # referrals, aliases and name servers in a row that are followed
_QUESTIONS = 150  # of one look
_ANSWER_LIMIT = 4096  # octets


class NoAnswer(Exception):
    """DNS did not answer; never leaves this package."""


class NoName(Exception):
    """There is no such name; never leaves this package."""


class Authority:
    """
    One look at the DNS: who serves which zone is remembered for as long as it takes.

    Name servers are the choice of whoever owns a domain, so each address is vetted (`may_be_asked`)
    before anything is sent there; those of `roots` are the operator's.
    """

    def __init__(self, roots: Sequence[Server], may_be_asked: MayBeAsked) -> None:
        self._zones: dict[Name, Sequence[Server]] = {dns.name.root: roots}
        self._ports = dict(roots)
        self._may_be_asked = may_be_asked
        self._questions = 0

    async def rrset(self, name: str, kind: str) -> dns.rrset.RRset | None:
        """
        The records of a name, None if there are none.

        NoName if the name does not exist, NoAnswer if its servers do not say.
        """
        try:
            return await self._follow(dns.name.from_text(name), dns.rdatatype.from_text(kind), 0)
        except dns.exception.DNSException as error:
            raise NoAnswer(name) from error

    async def _follow(
        self, name: Name, kind: dns.rdatatype.RdataType, depth: int
    ) -> dns.rrset.RRset | None:
        """Ask, and ask again where an alias leads (RFC 1034, section 3.6.2)."""
        for step in range(depth, _STEPS):
            answer = await self._authoritative(name, kind, step)
            found = answer.resolve_chaining()
            if found.answer is not None:
                return found.answer
            if found.canonical_name == name:
                if answer.rcode() == dns.rcode.NXDOMAIN:
                    raise NoName(name)
                return None
            name = found.canonical_name
        raise NoAnswer(name)

    async def _authoritative(
        self, name: Name, kind: dns.rdatatype.RdataType, depth: int
    ) -> dns.message.QueryMessage:
        """Go down from the closest zone that is known, until somebody has authority."""
        zone = next(each for each in _upwards(name) if each in self._zones)
        for step in range(depth, _STEPS):
            answer = await self._ask(self._zones[zone], name, kind)
            if answer.flags & dns.flags.AA:
                return answer
            below = _referral(answer, zone, name)
            if below is None:
                break
            zone = below.name
            self._zones[zone] = await self._servers(below, answer.additional, step + 1)
        raise NoAnswer(name)

    async def _servers(
        self, delegation: dns.rrset.RRset, glue: Iterable[dns.rrset.RRset], depth: int
    ) -> Sequence[Server]:
        """The addresses of a zone's servers that may be asked."""
        names = [each.target for each in delegation]
        found = [each for rrset in glue if rrset.name in names for each in _addresses(rrset)]
        for name in names[:_SERVERS] if not found else ():
            try:
                rrset = await self._follow(name, dns.rdatatype.A, depth)
            except (NoAnswer, NoName, dns.exception.DNSException):
                continue
            found += _addresses(rrset) if rrset else []
        return [
            (each, self._ports.get(each, NAME_SERVER_PORT)) for each in found if self._vetted(each)
        ]

    def _vetted(self, address: str) -> bool:
        return address in self._ports or self._may_be_asked(ip_address(address))

    async def _ask(
        self, servers: Sequence[Server], name: Name, kind: dns.rdatatype.RdataType
    ) -> dns.message.QueryMessage:
        """The first answer that says something; servers that are lame or silent are passed over."""
        for server in servers[:_SERVERS]:
            self._questions += 1
            if self._questions > _QUESTIONS:
                break
            answer = await _asked(server, name, kind)
            if answer is not None:
                return answer
        raise NoAnswer(name)


async def _asked(
    server: Server, name: Name, kind: dns.rdatatype.RdataType
) -> dns.message.QueryMessage | None:
    question = dns.message.make_query(name, kind, flags=0, use_edns=0, payload=_ANSWER_LIMIT)
    host, port = server
    try:
        async with asyncio.timeout(_ONE_TRY * 2):
            answer, _ = await dns.asyncquery.udp_with_fallback(
                question, host, port=port, timeout=_ONE_TRY
            )
    except (dns.exception.DNSException, OSError, TimeoutError):
        return None
    said = answer.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}
    small = len(answer.to_wire(max_size=1 << 16)) <= _ANSWER_LIMIT
    useful = answer.flags & dns.flags.AA or any(_is_delegation(each) for each in answer.authority)
    return answer if said and small and useful else None  # type: ignore[return-value]


def _upwards(name: Name) -> Iterable[Name]:
    """A name, its parent, and so on to the root."""
    return (dns.name.Name(name.labels[at:]) for at in range(len(name.labels)))


def _referral(answer: dns.message.Message, zone: Name, name: Name) -> dns.rrset.RRset | None:
    """The delegation to a zone below ours, which has the name."""
    for each in answer.authority:
        below = each.name != zone and each.name.is_subdomain(zone)
        if _is_delegation(each) and below and name.is_subdomain(each.name):
            return each
    return None


def _is_delegation(rrset: dns.rrset.RRset) -> bool:
    return rrset.rdtype == dns.rdatatype.NS


def _addresses(rrset: dns.rrset.RRset) -> Iterable[str]:
    if rrset.rdtype in {dns.rdatatype.A, dns.rdatatype.AAAA}:
        yield from (each.address for each in rrset)
