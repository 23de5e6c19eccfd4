"""
Asks DNS about a domain's mail: SPF tree, DKIM keys, DMARC, MX; failures are told from absence.

The servers of the zone itself are asked first, so that a fresh record counts before old answers
have expired; a resolver is asked where they do not say.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.rrset
import structlog

from letterhead.dns.authority import ROOTS, Authority, NoAnswer, NoName, Server
from letterhead.dns.survey import Survey
from letterhead.egress import Allowed, is_name_server
from letterhead.mail import dmarc
from letterhead.mail.said import said
from letterhead.mail.spf import Node

log = structlog.get_logger(__name__)

_AUTHORITY = 4.0  # seconds that the servers of a zone have, before a resolver is asked
_ONE_TRY = 2.0  # seconds until the next name server is asked
_ONE_QUESTION = 5.0
_WHOLE = 20.0  # seconds for everything about a domain

_OWN = said("the name servers of the domain itself")
# What cannot be a name at all: DNS is not asked.
_NO_NAMES = (dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.NameTooLong, UnicodeError)


@dataclass(frozen=True, slots=True)
class Findings:
    """What DNS says of a domain; None where it did not answer."""

    spf: Node
    dkim: Mapping[str, Sequence[str] | None]  # by selector
    dmarc: Sequence[str] | None
    dmarc_at: str  # the domain or parent that has them
    mx: Sequence[str] | None
    asked: Sequence[str]  # who answered


class Dns:
    """Asks, and keeps no answers."""

    def __init__(
        self,
        servers: Sequence[Server] = (),
        *,
        roots: Sequence[Server] | None = None,
        allowed: tuple[Allowed, ...] = (),
    ) -> None:
        """
        Ask `servers`, else the system's resolvers.

        The servers of zones are found from `roots`; None: from those of the Internet, unless
        `servers` are given, which then know everything.
        """
        self._resolver = _resolver(servers)
        self._roots = (() if servers else ROOTS) if roots is None else roots
        self._may_be_asked = partial(is_name_server, entries=allowed)

    async def look(self, domain: str, selectors: Sequence[str] = ()) -> Findings:
        """Look everything up anew."""
        return await self._question().look(domain, selectors)

    async def txt(self, name: str) -> Sequence[str] | None:
        """The TXT records of a name; None where DNS does not answer."""
        return await self._question().known(name, "TXT")

    async def mx(self, domain: str) -> Sequence[str] | None:
        """The names of a domain's MX; None where DNS does not answer."""
        return await self._question().known(domain, "MX")

    async def known(self, name: str, kind: str) -> Sequence[str] | None:
        """The records of any kind, such as CNAME; None where DNS does not answer."""
        return await self._question().known(name, kind)

    async def spf(self, domain: str) -> Node:
        """The tree of a domain's SPF record: what it includes, and so on."""
        return await self._question().spf(domain)

    def _question(self) -> "_Question":
        authority = Authority(self._roots, self._may_be_asked) if self._roots else None
        return _Question(self._resolver, authority)


class _Question:
    """One look, of which all parts share what is known of zones and their servers."""

    def __init__(self, resolver: dns.asyncresolver.Resolver, authority: Authority | None) -> None:
        self._resolver = resolver
        self._authority = authority
        self._asked: dict[str, None] = {}

    async def look(self, domain: str, selectors: Sequence[str]) -> Findings:
        async with asyncio.TaskGroup() as tasks:
            tree = tasks.create_task(self.spf(domain))
            keys = {each: tasks.create_task(self._key(each, domain)) for each in selectors}
            policy = tasks.create_task(self._policy(domain))
            servers = tasks.create_task(self.known(domain, "MX"))
        at, records = policy.result()
        by_selector = {name: task.result() for name, task in keys.items()}
        return Findings(
            tree.result(), by_selector, records, at, servers.result(), tuple(self._asked)
        )

    async def _key(self, selector: str, domain: str) -> Sequence[str] | None:
        return await self.known(f"{selector}._domainkey.{domain}", "TXT")

    async def _policy(self, domain: str) -> tuple[str, Sequence[str] | None]:
        """The DMARC records of a domain, else of the closest parent that has some."""
        for at in dmarc.places(domain):
            found = await self.known(f"_dmarc.{at}", "TXT")
            if found is None:
                return at, None
            if records := [each for each in found if dmarc.is_dmarc(each)]:
                return at, records
        return domain, []

    async def spf(self, domain: str) -> Node:
        """The tree of a domain's SPF record: what it includes, and so on."""
        try:
            async with asyncio.timeout(_WHOLE):
                return await Survey(self.records).node(domain, ())
        except TimeoutError:
            return Node(domain, unanswered=(domain,))

    async def known(self, name: str, kind: str) -> Sequence[str] | None:
        """The records of a name; None where DNS does not answer."""
        try:
            return await self.records(name, kind)
        except NoName:
            return []
        except NoAnswer:
            return None

    async def records(self, name: str, kind: str) -> Sequence[str]:
        """
        The records of a name as text; none if there are none.

        NoName if the name does not exist or cannot (RFC 1035, section 2.3.4), NoAnswer if nobody
        says.
        """
        if self._authority:
            try:
                async with asyncio.timeout(_AUTHORITY):
                    found = await self._authority.rrset(f"{name}.", kind)
                    self._asked[_OWN] = None
                    return _texts(found)
            except NoAnswer:
                log.debug("asking a resolver instead", kind=kind)
            except TimeoutError:
                self._authority = None  # a firewall, perhaps: it will not answer the rest either
        return await self._resolved(name, kind)

    async def _resolved(self, name: str, kind: str) -> Sequence[str]:
        try:
            answer = await self._resolver.resolve(
                f"{name}.", kind, raise_on_no_answer=False, search=False
            )
        except (dns.resolver.NXDOMAIN, *_NO_NAMES) as error:
            first = self._resolver.nameservers[0]
            self._asked[getattr(first, "address", str(first))] = None
            raise NoName(name) from error
        except (dns.exception.DNSException, OSError) as error:
            raise NoAnswer(name) from error
        self._asked[str(answer.nameserver)] = None
        return _texts(answer.rrset)


def _resolver(servers: Sequence[Server]) -> dns.asyncresolver.Resolver:
    made = dns.asyncresolver.Resolver(configure=not servers)
    if servers:
        made.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
    made.timeout, made.lifetime = _ONE_TRY, _ONE_QUESTION
    return made


def _texts(rrset: dns.rrset.RRset | None) -> Sequence[str]:
    return [_text(each) for each in rrset or ()]


def _text(record: object) -> str:
    """The text of a record; the strings of a TXT belong together (RFC 7208, section 3.3)."""
    if strings := getattr(record, "strings", None):
        return b"".join(strings).decode("ascii", "replace")
    return str(getattr(record, "exchange", record)).rstrip(".").lower()
