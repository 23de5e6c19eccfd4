"""SPF records (RFC 7208): read one, judge what it allows, say what to publish."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from letterhead.mail.said import said

LOOKUPS = 10  # terms that ask DNS, at most (section 4.6.4)
VOIDS = 2  # of them without an answer, at most
RECORD_LIMIT = 4096  # octets

_VERSION = "v=spf1"
_DIRECTIVE = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?=[:/]|$)(.*)", re.IGNORECASE
)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)")
_MACRO = r"%\{[slodiphcrtvSLODIPHCRTV][0-9]*[rR]?[.+,/_=-]*\}|%%|%_|%-"
_MACRO_STRING = re.compile(rf"(?:[!-$&-~]|{_MACRO})*")
_DOMAIN_END = re.compile(
    rf"(?:{_MACRO})$|\.(?:[A-Za-z0-9-]*[A-Za-z][A-Za-z0-9-]*|[0-9]+-[0-9-]*[0-9])\.?$"
)
_CIDR = re.compile(r"([^/]*)(?:/(\d{1,2}))?(?://(\d{1,3}))?")
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})


class NotSpf(ValueError):
    """The record breaks the grammar; the message says where."""


@dataclass(frozen=True, slots=True)
class Term:
    """One directive or modifier, as it stands in the record."""

    text: str
    name: str
    qualifier: str = ""  # of directives; "" and "+" are a pass
    target: str = ""  # the domain, if it has one

    @property
    def passes(self) -> bool:
        return self.qualifier in {"", "+"}

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
    if not text.isascii() or len(text) > RECORD_LIMIT:
        raise NotSpf(said("The record is too long, or holds characters that are not ASCII."))
    terms = tuple(map(_term, text[len(_VERSION) :].split(" ")[1:])) if text.strip() else ()
    kept = tuple(each for each in terms if each.text)
    for name in ("redirect", "exp"):
        if sum(each.name == name for each in kept) > 1:
            raise NotSpf(said("The modifier {name}= stands twice.", name=name))
    return Record(text, kept)


def _term(text: str) -> Term:
    if not text:
        return Term("", "")
    if found := _DIRECTIVE.fullmatch(text):
        return _directive(text, found[1], found[2].lower(), found[3])
    if (found := _MODIFIER.fullmatch(text)) and _MACRO_STRING.fullmatch(found[2]):
        name = found[1].lower()
        if name in {"redirect", "exp"}:
            return Term(text, name, "", _domain(text, found[2]))
        return Term(text, name)
    raise NotSpf(said("{text} is no term of SPF.", text=repr(text)))


def _directive(text: str, qualifier: str, name: str, rest: str) -> Term:
    match name:
        case "all" if not rest:
            return Term(text, name, qualifier)
        case "include" | "exists" if rest.startswith(":"):
            return Term(text, name, qualifier, _domain(text, rest[1:]))
        case "ip4" | "ip6" if rest.startswith(":"):
            _check_network(text, name, rest[1:])
            return Term(text, name, qualifier)
        case "ptr" if not rest or rest.startswith(":"):
            return Term(text, name, qualifier, _domain(text, rest[1:]) if rest else "")
        case "a" | "mx":
            return Term(text, name, qualifier, _of_addresses(text, rest))
        case _:
            raise NotSpf(said("{text} is not complete, or has too much.", text=repr(text)))


def _of_addresses(text: str, rest: str) -> str:
    """The domain of `a` or `mx`, if it names one; the lengths of prefixes are checked."""
    named, _, _ = rest.partition("/")
    found = _CIDR.fullmatch(rest[len(named) :])
    if found is None or found[1] or int(found[2] or 0) > 32 or int(found[3] or 0) > 128:  # noqa: PLR2004
        raise NotSpf(said("{text} has a prefix length that cannot be.", text=repr(text)))
    if not named:
        return ""
    if not named.startswith(":"):
        raise NotSpf(said("{text} is no term of SPF.", text=repr(text)))
    return _domain(text, named[1:])


def _check_network(text: str, name: str, network: str) -> None:
    kind = IPv4Network if name == "ip4" else IPv6Network
    try:
        kind(network, strict=False)
    except ValueError as error:
        raise NotSpf(said("{text} names no network.", text=repr(text))) from error


def _domain(text: str, spec: str) -> str:
    """A domain-spec (section 7.1): macros, or a name with a dot."""
    if not _MACRO_STRING.fullmatch(spec) or not _DOMAIN_END.search(spec) or ".." in spec:
        raise NotSpf(said("{text} names no domain.", text=repr(text)))
    return spec.rstrip(".").lower()


class State(StrEnum):
    """How a domain's SPF stands, as far as the provider is concerned."""

    PASS = "pass"
    MISSING = "missing"  # no record at all
    INCOMPLETE = "incomplete"  # a record without the provider
    ERROR = "error"  # a record that receivers cannot use
    UNKNOWN = "unknown"  # DNS did not answer


@dataclass(frozen=True, slots=True)
class Node:
    """One domain of the tree: its record, and what its includes and redirect lead to."""

    domain: str
    record: str | None = None
    problem: str = ""  # in words; a record with one cannot be used
    unknown: bool = False  # DNS did not answer, here
    terms: tuple[Term, ...] = ()
    below: Mapping[int, "Node"] = field(default_factory=dict)  # by the place of the term
    voids: int = 0

    @property
    def nodes(self) -> Iterator["Node"]:
        yield self
        for each in self.below.values():
            yield from each.nodes

    @property
    def lookups(self) -> int:
        """How many terms ask DNS, here and below."""
        own = sum(each.asks for each in self.terms)
        return own + sum(each.lookups for each in self.below.values())

    def reaches(self, names: frozenset[str]) -> bool:
        """Whether a pass leads to one of `names`."""
        return any(
            term.target in names or (at in self.below and self.below[at].reaches(names))
            for at, term in enumerate(self.terms)
            if term.name == "redirect" or (term.name == "include" and term.passes)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is found, and what to do about it."""

    state: State
    detail: str
    found: str | None
    publish: str | None  # the whole record to publish; None if there is nothing to change
    lookups: int
    lookups_after: int


def judge(tree: Node, includes: Sequence[str], *, cost: int = 0) -> Verdict:
    """
    Judge a domain by its tree.

    `includes` are the domains of the provider, the one to publish first; none asks for a valid
    record only. `cost` is what including the first one costs in look-ups, itself counted.
    """
    state, detail = _state(tree, includes)
    publish = _to_publish(tree, state, includes)
    after = tree.lookups + (cost if publish else 0)
    if publish and after > LOOKUPS:
        detail = said(
            "{detail} With it the record would ask {after} times, and {allowed} are allowed.",
            detail=detail,
            after=after,
            allowed=LOOKUPS,
        )
    return Verdict(state, detail, tree.record, publish, tree.lookups, after)


def merged(record: str, include: str) -> str:
    """The record with one include more, in front of `all`; everything else stays as it is."""
    term = f"include:{include}"
    parts = record.split(" ")
    opposed = [f"{sign}{term}" for sign in "-~?"]
    for at, part in enumerate(parts[1:], 1):
        ends = part.lstrip("+-~?").lower() == "all" or part.lower().startswith("redirect=")
        if ends or part.lower() in opposed:
            return " ".join([*parts[:at], term, *parts[at:]])
    return " ".join([*parts, term]) if parts[-1] else f"{record}{term}"


def _state(tree: Node, includes: Sequence[str]) -> tuple[State, str]:
    if any(each.unknown for each in tree.nodes):
        return State.UNKNOWN, said(
            "DNS did not answer; this says nothing about the record. Try again."
        )
    if problem := _problem(tree):
        return State.ERROR, problem
    if tree.record is None:
        return State.MISSING, said("The domain has no SPF record.")
    return _coverage(tree, includes)


def _coverage(tree: Node, includes: Sequence[str]) -> tuple[State, str]:
    if any(each.name == "all" and each.passes for each in tree.terms):
        return State.INCOMPLETE, said("The record lets everybody send (+all): replace it by ~all.")
    if includes and not tree.reaches(frozenset(includes)):
        return State.INCOMPLETE, said("The record does not let the provider send.")
    return State.PASS, said("The provider may send.") if includes else said("The record is valid.")


def _problem(tree: Node) -> str:
    for node in tree.nodes:
        if node.problem:
            return said("{domain}: {problem}", domain=node.domain, problem=node.problem)
    if tree.lookups > LOOKUPS:
        return said(
            "The record asks DNS {lookups} times, and {allowed} are allowed.",
            lookups=tree.lookups,
            allowed=LOOKUPS,
        )
    if sum(each.voids for each in tree.nodes) > VOIDS:
        return said("More than {voids} of its look-ups find nothing.", voids=VOIDS)
    return ""


def _to_publish(tree: Node, state: State, includes: Sequence[str]) -> str | None:
    if not includes or state not in {State.MISSING, State.INCOMPLETE}:
        return None
    if tree.record is None:
        return f"v=spf1 include:{includes[0]} ~all"
    if tree.reaches(frozenset(includes)):
        return None
    return merged(tree.record, includes[0])
