"""Asks DNS about a domain's mail: its SPF tree, DMARC and MX; failures are told from absence."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

from letterhead.mail import spf
from letterhead.mail.spf import Node, Term

_ONE_TRY = 2.0  # seconds until the next name server is asked
_ONE_QUESTION = 5.0
_WHOLE = 20.0  # seconds for everything about a domain
_NODES = 40  # records that are read for one domain

_KINDS = {"a": ("A", "AAAA"), "exists": ("A",), "mx": ("MX",)}


class NoAnswer(Exception):
    """DNS did not answer; never leaves this module."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What DNS says of a domain; None where it did not answer."""

    spf: Node
    dmarc: Sequence[str] | None
    mx: Sequence[str] | None


class Dns:
    """Asks the given name servers, else those of the system; keeps no answers."""

    def __init__(self, servers: Sequence[tuple[str, int]] = ()) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [
                dns.nameserver.Do53Nameserver(address, port) for address, port in servers
            ]
        self._resolver.timeout = _ONE_TRY
        self._resolver.lifetime = _ONE_QUESTION

    async def look(self, domain: str) -> Findings:
        """Look everything up anew."""
        async with asyncio.TaskGroup() as tasks:
            tree = tasks.create_task(self.spf(domain))
            policies = tasks.create_task(self._known(f"_dmarc.{domain}", "TXT"))
            servers = tasks.create_task(self.mx(domain))
        found = policies.result()
        dmarc = [each for each in found if each.startswith("v=DMARC1")] if found else found
        return Findings(tree.result(), dmarc, servers.result())

    async def txt(self, name: str) -> Sequence[str] | None:
        """The TXT records of a name; None where DNS does not answer."""
        return await self._known(name, "TXT")

    async def mx(self, domain: str) -> Sequence[str] | None:
        """The names of a domain's MX; None where DNS does not answer."""
        return await self._known(domain, "MX")

    async def spf(self, domain: str) -> Node:
        """The tree of a domain's SPF record: what it includes, and so on."""
        try:
            async with asyncio.timeout(_WHOLE):
                return await _Survey(self).node(domain, ())
        except TimeoutError:
            return Node(domain, unknown=True)

    async def records(self, name: str, kind: str) -> Sequence[str]:
        """The records of a name as text; none if there are none. NoAnswer if nobody says."""
        try:
            answer = await self._resolver.resolve(
                f"{name}.", kind, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            return ()
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise NoAnswer(name) from error
        return [_text(each) for each in answer.rrset or ()]

    async def _known(self, name: str, kind: str) -> Sequence[str] | None:
        try:
            return await self.records(name, kind)
        except NoAnswer:
            return None


class _Survey:
    """Walks one tree, within limits: a domain must not cost more than a receiver would spend."""

    def __init__(self, dns_: Dns) -> None:
        self._dns = dns_
        self._nodes = 0

    async def node(self, domain: str, path: tuple[str, ...]) -> Node:
        self._nodes += 1
        if domain in path:
            return Node(domain, problem="the record includes itself.")
        if self._nodes > _NODES:
            return Node(domain, problem="the record includes too much.")
        try:
            found = await self._dns.records(domain, "TXT")
        except NoAnswer:
            return Node(domain, unknown=True)
        return await self._only([each for each in found if spf.is_spf(each)], domain, path)

    async def _only(self, found: Sequence[str], domain: str, path: tuple[str, ...]) -> Node:
        if not found:
            return Node(domain, problem="it is included, and has no SPF record." if path else "")
        if len(found) > 1:
            return Node(domain, problem=f"there are {len(found)} SPF records; one is allowed.")
        return await self._read(domain, found[0], (*path, domain))

    async def _read(self, domain: str, text: str, path: tuple[str, ...]) -> Node:
        try:
            terms = tuple(spf.parse(text).effective)
        except spf.NotSpf as error:
            return Node(domain, text, problem=str(error))
        below: dict[int, Node] = {}
        voids = 0
        for at, term in enumerate(terms):
            if term.name in {"include", "redirect"} and not term.has_macro:
                below[at] = await self.node(term.target, path)
            elif term.name in _KINDS and not term.has_macro:
                voids += await self._is_void(term, domain)
        return Node(domain, text, terms=terms, below=below, voids=voids)

    async def _is_void(self, term: Term, domain: str) -> bool:
        """Whether a look-up finds nothing; what nobody answers is not counted."""
        try:
            for kind in _KINDS[term.name]:
                if await self._dns.records(term.target or domain, kind):
                    return False
        except NoAnswer:
            return False
        return True


def _text(record: object) -> str:
    """The text of a record; the strings of a TXT belong together (RFC 7208, section 3.3)."""
    if strings := getattr(record, "strings", None):
        return b"".join(strings).decode("ascii", "replace")
    return str(getattr(record, "exchange", record)).rstrip(".").lower()
