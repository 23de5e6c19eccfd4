"""Names become addresses: by the name servers that the operator names, else by the system."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

from letterhead.egress.addresses import Address
from letterhead.errors import Unreachable
from letterhead.mail.reply import Kind

LOOPBACK = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))

_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9-]{1,63}")
_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")  # inet_aton() reads it as an address
_ALIASES = 8  # CNAMEs in a row that are followed
_ONE_TRY = 2.0  # seconds until the next name server is asked
_GRACE = 1.0  # seconds that the second family may take after the first has answered

# What getaddrinfo() says of a name that does not exist or has no address.
_MISSING = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


def is_local(name: str) -> bool:
    """Names of this machine are never asked for (RFC 6761, section 6.3)."""
    return name == "localhost" or name.endswith(".localhost")


def is_host_name(name: str) -> bool:
    """Say whether this is a name, and nothing that a resolver takes for an address."""
    return bool(_HOST.fullmatch(name)) and not _NUMBER.fullmatch(name)


def literal(name: str) -> Address | None:
    """The address that is written out, if it is one."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


class SystemNames:
    """Asks as every program of this machine does."""

    async def addresses(self, name: str) -> Sequence[Address]:
        """Every address of a name; none for a name that does not exist."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno in _MISSING:
                return ()
            raise Unreachable(Kind.DNS_FAILED, "The name could not be looked up.") from error
        return _once(ipaddress.ip_address(str(sockaddr[0])) for *_, sockaddr in found)


class DnsNames:
    """Asks the given name servers and nobody else; keeps no answers, so a change counts at once."""

    def __init__(self, servers: Sequence[tuple[str, int]], *, seconds: float) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [
            dns.nameserver.Do53Nameserver(address, port) for address, port in servers
        ]
        self._resolver.timeout = min(_ONE_TRY, seconds)
        self._resolver.lifetime = seconds

    async def addresses(self, name: str) -> Sequence[Address]:
        """Every address of a name; none for a name that does not exist."""
        asked = [
            asyncio.create_task(self._follow(name, family))
            for family in (dns.rdatatype.A, dns.rdatatype.AAAA)
        ]
        try:
            await _answered(asked)
        finally:
            await _cancelled(asked)
        return _together(asked)

    async def _follow(self, name: str, family: dns.rdatatype.RdataType) -> Sequence[Address]:
        """Go from alias to alias, where the name server does not do so itself."""
        for _ in range(_ALIASES):
            if is_local(name):
                return LOOPBACK
            found, alias = await self._ask(name, family)
            if found or alias == name:
                return found
            name = alias
        return ()

    async def _ask(
        self, name: str, family: dns.rdatatype.RdataType
    ) -> tuple[Sequence[Address], str]:
        """Ask one question; say which addresses there are, and of which name."""
        try:
            answer = await self._resolver.resolve(
                f"{name}.", family, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            return (), name
        except (dns.exception.DNSException, OSError) as error:
            raise Unreachable(Kind.DNS_FAILED, "The name could not be looked up.") from error
        alias = answer.canonical_name.to_text(omit_final_dot=True).lower()
        return [ipaddress.ip_address(each.address) for each in answer.rrset or ()], alias


async def _answered(asked: Sequence[asyncio.Task[Sequence[Address]]]) -> None:
    """Wait for both families; the second has little time once the first has an address."""
    done, late = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    enough = any(not task.exception() and task.result() for task in done)
    if late:
        await asyncio.wait(late, timeout=_GRACE if enough else None)


async def _cancelled(asked: Sequence[asyncio.Task[Sequence[Address]]]) -> None:
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


def _together(asked: Sequence[asyncio.Task[Sequence[Address]]]) -> Sequence[Address]:
    """What both families gave; a failure counts only where nothing was found."""
    answers = [task for task in asked if not task.cancelled()]
    failures = [error for task in answers if (error := task.exception())]
    found = _once(each for task in answers if not task.exception() for each in task.result())
    if failures and not found:
        raise failures[0]
    return found


def _once(addresses: Iterable[Address]) -> Sequence[Address]:
    return tuple(dict.fromkeys(addresses))
