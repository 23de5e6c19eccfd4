"""SPF records as text (RFC 7208, sections 3 to 7): the terms of one, or what is wrong with it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from letterhead.mail.said import said

RECORD_LIMIT = 4096  # octets

Network = IPv4Network | IPv6Network

_VERSION = "v=spf1"
_DIRECTIVE = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?=[:/]|$)(.*)", re.IGNORECASE
)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)")
# Section 7.1; the letters c, r and t have a meaning in explanations only (section 7.2).
_MACRO = r"%\{[slodiphvSLODIPHV](?:0*[1-9][0-9]*)?[rR]?[.+,/_=-]*\}|%%|%_|%-"
_MACRO_STRING = re.compile(rf"(?:[!-$&-~]|{_MACRO})*")
_TOP_LABEL = r"(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])"
_DOMAIN_END = re.compile(rf"(?:{_MACRO})$|\.{_TOP_LABEL}\.?$")
_WITH_LENGTHS = re.compile(r"(.*?)(?:/([0-9]+))?(?://([0-9]+))?")
_IP4, _IP6 = 32, 128  # bits
_SHOWN = 100  # characters of a term
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})


class NotSpf(ValueError):
    """The record breaks the grammar; the message says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Term:
    """One directive or modifier, as it stands in the record."""

    text: str
    name: str
    qualifier: str = ""  # of directives; "" and "+" are a pass
    target: str = ""  # the domain, if it has one
    network: Network | None = None  # of ip4 and ip6

    @property
    def passes(self) -> bool:
        return self.qualifier in {"", "+"}

    @property
    def leads(self) -> bool:
        """Whether who passes the record of `target` passes this one, too."""
        return self.name == "redirect" or (self.name == "include" and self.passes)

    @property
    def asks(self) -> bool:
        """Whether it counts as a look-up (section 4.6.4)."""
        return self.name in _ASKING

    @property
    def has_macro(self) -> bool:
        return "%" in self.target


@dataclass(frozen=True, slots=True)
class Record:
    """A record that keeps the grammar."""

    text: str
    terms: tuple[Term, ...]

    @property
    def effective(self) -> Sequence[Term]:
        """What is looked at: nothing behind `all`, and no redirect beside it (section 6.1)."""
        names = [each.name for each in self.terms]
        if "all" not in names:
            return self.terms
        behind = names.index("all") + 1
        return [each for each in self.terms[:behind] if each.name != "redirect"]


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record at all (section 4.5): `v=spf10` is none."""
    return text.lower() == _VERSION or text.lower().startswith(f"{_VERSION} ")


def parse(text: str) -> Record:
    """Read a record; NotSpf names the term that is not right."""
    if len(text) > RECORD_LIMIT:
        raise NotSpf(
            said("The record has more than {most} characters: make it shorter.", most=RECORD_LIMIT)
        )
    if not text.isascii():
        raise NotSpf(said("The record holds characters that are not ASCII: type it anew."))
    parts = text[len(_VERSION) :].split(" ")[1:]
    terms = tuple(_term(each) for each in parts if each)
    for name in ("redirect", "exp"):
        if sum(each.name == name for each in terms) > 1:
            raise NotSpf(said("The modifier {name}= stands twice: take one out.", name=name))
    return Record(text, terms)


def _term(text: str) -> Term:
    if found := _DIRECTIVE.fullmatch(text):
        return _directive(text, found[1], found[2].lower(), found[3])
    if (found := _MODIFIER.fullmatch(text)) and _MACRO_STRING.fullmatch(found[2]):
        name = found[1].lower()
        if name in {"redirect", "exp"}:
            return Term(text, name, "", _domain(text, found[2]))
        return Term(text, name)
    raise _wrong(text, said("is no term of SPF"))


def _directive(text: str, qualifier: str, name: str, rest: str) -> Term:
    match name:
        case "all" if not rest:
            return Term(text, name, qualifier)
        case "include" | "exists" if rest.startswith(":"):
            return Term(text, name, qualifier, _domain(text, rest[1:]))
        case "ip4" | "ip6" if rest.startswith(":"):
            return Term(text, name, qualifier, network=_network(text, name, rest[1:]))
        case "ptr" if not rest or rest.startswith(":"):
            return Term(text, name, qualifier, _domain(text, rest[1:]) if rest else "")
        case "a" | "mx":
            return Term(text, name, qualifier, _of_addresses(text, rest))
        case _:
            raise _wrong(text, said("is not complete, or has too much"))


def _of_addresses(text: str, rest: str) -> str:
    """The domain of `a` or `mx`, if it names one; the lengths of prefixes are checked."""
    named, ip4, ip6 = _split(rest)
    _check_length(text, ip4, _IP4)
    _check_length(text, ip6, _IP6)
    if named and not named.startswith(":"):
        raise _wrong(text, said("is no term of SPF"))
    return _domain(text, named[1:]) if named else ""


def _network(text: str, name: str, rest: str) -> Network:
    kind, most = (IPv4Address, _IP4) if name == "ip4" else (IPv6Address, _IP6)
    address, _, length = rest.partition("/")
    try:
        kind(address)
    except ValueError as error:
        raise _wrong(text, said("names no network")) from error
    if "%" in address or (length and not length.isdecimal()) or rest.endswith("/"):
        raise _wrong(text, said("names no network"))
    _check_length(text, length, most)
    return ip_network(f"{address}/{length or most}", strict=False)


def _split(rest: str) -> tuple[str, str, str]:
    """A domain and the prefix lengths behind it, for IPv4 and for IPv6 (section 5.6)."""
    found = _WITH_LENGTHS.fullmatch(rest)
    return (found[1], found[2] or "", found[3] or "") if found else (rest, "", "")


def _check_length(text: str, digits: str, most: int) -> None:
    if digits and (int(digits) > most or str(int(digits)) != digits):
        raise _wrong(text, said("has a prefix length that cannot be"))


def _domain(text: str, spec: str) -> str:
    """A domain-spec (section 7.1): macros, or a name with a dot."""
    if _is_address(spec):  # the most common mistake
        raise NotSpf(
            said(
                "{text} names no domain: an address is written as ip4:{address}.",
                text=repr(text),
                address=spec,
            )
        )
    if not _MACRO_STRING.fullmatch(spec) or not _DOMAIN_END.search(spec) or ".." in spec:
        raise _wrong(text, said("names no domain"))
    return spec.rstrip(".").lower()


def _is_address(spec: str) -> bool:
    try:
        IPv4Address(spec)
    except ValueError:
        return False
    return True


def _wrong(text: str, what: str) -> NotSpf:
    return NotSpf(
        said("{text} {what}: correct it, or take it out.", text=repr(text[:_SHOWN]), what=what)
    )
