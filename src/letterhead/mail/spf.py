"""SPF (RFC 7208): judge what a domain's tree of records allows, and say what to publish."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from letterhead.mail.said import said
from letterhead.mail.spf_record import Network, Term

LOOKUPS = 10  # terms that ask DNS, at most (section 4.6.4)
VOIDS = 2  # of them without an answer, at most
MAIL_SERVERS = 10  # that an `mx` may lead to, at most


class State(StrEnum):
    """How a domain's SPF stands, as far as the provider is concerned."""

    PASS = "pass"
    MISSING = "missing"  # no record at all
    INCOMPLETE = "incomplete"  # a record without the provider
    ERROR = "error"  # a record that receivers cannot use
    UNKNOWN = "unknown"  # DNS did not answer


@dataclass(frozen=True, slots=True)
class Node:
    """
    One domain of the tree: its record, and what its includes and redirect lead to.

    What a macro or `ptr` finds depends on who sends: such terms count as look-ups, and are not
    followed.
    """

    domain: str
    record: str | None = None
    problem: str = ""  # in words; a record with one cannot be used
    note: str = ""  # what else is to be said of it
    exists: bool = True  # whether the name does
    terms: tuple[Term, ...] = ()
    below: Mapping[int, "Node"] = field(default_factory=dict)  # by the place of the term
    voids: Sequence[str] = ()  # terms whose look-up finds nothing
    unanswered: Sequence[str] = ()  # names for which DNS did not answer, here

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

    @property
    def passing(self) -> Iterator["Node"]:
        """What lets somebody send: this record, and those whose pass is one of this, too."""
        yield self
        for at, term in enumerate(self.terms):
            if term.leads and at in self.below:
                yield from self.below[at].passing

    def covers(self, names: frozenset[str]) -> bool:
        """Whether a pass leads to one of `names`."""
        return any(
            each.domain in names or any(term.leads and term.target in names for term in each.terms)
            for each in self.passing
        )

    def lists(self, network: Network) -> bool:
        """Whether an `ip4` or `ip6` lets all of `network` pass."""
        return any(
            term.passes and term.network is not None and _holds(term.network, network)
            for each in self.passing
            for term in each.terms
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    What a record has to let through.

    `includes` are the domains of the provider, of which one is enough, the one to publish first;
    none asks for a valid record only. Including that one costs `cost` look-ups, itself counted.
    `networks` are ours: they are published, too, but no gate rests on them.
    """

    includes: Sequence[str] = ()
    cost: int = 1
    networks: Sequence[Network] = ()


def judge(tree: Node, wanted: Wanted) -> Verdict:
    """Judge a domain by its tree."""
    state, detail = _state(tree, wanted)
    publish = _to_publish(tree, state, wanted)
    adds = publish is not None and not tree.covers(frozenset(wanted.includes))
    after = tree.lookups + (wanted.cost if adds and wanted.includes else 0)
    if after > LOOKUPS and adds:
        detail = said(
            "{detail} With it the record would ask DNS {after} times, and {allowed} are allowed: "
            "take out includes that are not needed any more.",
            detail=detail,
            after=after,
            allowed=LOOKUPS,
        )
    if unlisted := _unlisted(tree, state, wanted):
        detail = said(
            "{detail} Let it name the addresses that we send from, too: {addresses}.",
            detail=detail,
            addresses=unlisted,
        )
    return Verdict(state, detail, tree.record, publish, tree.lookups, after)


def merged(record: str, terms: Sequence[str]) -> str:
    """The record with more terms, in front of `all`; everything else stays as it is."""
    parts = record.split(" ")
    opposed = {f"{sign}{term}".lower() for term in terms for sign in "-~?"}
    for at, part in enumerate(parts[1:], 1):
        ends = part.lstrip("+-~?").lower() == "all" or part.lower().startswith("redirect=")
        if ends or part.lower() in opposed:
            return " ".join([*parts[:at], *terms, *parts[at:]])
    return " ".join([*parts, *terms]) if parts[-1] else f"{record}{' '.join(terms)}"


def closed(record: str) -> str:
    """The record without letting everybody send: `+all` becomes `~all`."""
    parts = record.split(" ")
    return " ".join("~all" if each.lower() in {"all", "+all"} else each for each in parts)


def _state(tree: Node, wanted: Wanted) -> tuple[State, str]:
    if silent := {name: None for each in tree.nodes for name in each.unanswered}:
        return State.UNKNOWN, said(
            "DNS did not answer for {names}; this says nothing about the record. Check again.",
            names=", ".join(silent),
        )
    if problem := _problem(tree):
        return State.ERROR, problem
    if not tree.exists:
        return State.MISSING, said("The DNS does not know this domain: see that its name is right.")
    if tree.record is None:
        return State.MISSING, said("The domain has no SPF record.")
    return _coverage(tree, wanted)


def _coverage(tree: Node, wanted: Wanted) -> tuple[State, str]:
    for node in tree.passing:
        if any(each.name == "all" and each.passes for each in node.terms):
            return State.INCOMPLETE, said(
                "The record of {domain} lets everybody send (+all): replace it by ~all.",
                domain=node.domain,
            )
    if wanted.includes and not tree.covers(frozenset(wanted.includes)):
        return State.INCOMPLETE, said("The record does not let the provider send.")
    return State.PASS, said("The provider may send.") if wanted.includes else said(
        "The record is valid."
    )


def _problem(tree: Node) -> str:
    for node in tree.nodes:
        if node.problem:
            return said("{domain}: {problem}", domain=node.domain, problem=node.problem)
    if tree.lookups > LOOKUPS:
        return said(
            "The record asks DNS {lookups} times, and {allowed} are allowed: take out includes "
            "that are not needed any more, or put ip4: and ip6: in their place.",
            lookups=tree.lookups,
            allowed=LOOKUPS,
        )
    if len(voids := [name for each in tree.nodes for name in each.voids]) > VOIDS:
        return said(
            "More than {allowed} look-ups find nothing: take out {terms}.",
            allowed=VOIDS,
            terms=", ".join(voids),
        )
    return ""


def _to_publish(tree: Node, state: State, wanted: Wanted) -> str | None:
    if state is State.MISSING and wanted.includes:
        return f"v=spf1 {' '.join(_lacking(tree, wanted))} ~all"
    if state is not State.INCOMPLETE or tree.record is None:
        return None
    record = closed(tree.record)
    if wanted.includes and not tree.covers(frozenset(wanted.includes)):
        record = merged(record, _lacking(tree, wanted))
    return record if record != tree.record else None


def _lacking(tree: Node, wanted: Wanted) -> Sequence[str]:
    ours = [_named(each) for each in wanted.networks if not tree.lists(each)]
    return [f"include:{wanted.includes[0]}", *ours]


def _unlisted(tree: Node, state: State, wanted: Wanted) -> str:
    """The addresses of ours that a record which is good enough does not name."""
    if state is not State.PASS:
        return ""
    return ", ".join(_named(each) for each in wanted.networks if not tree.lists(each))


def _named(network: Network) -> str:
    """The term that lets a network pass."""
    text = str(network.network_address) if network.num_addresses == 1 else str(network)
    return f"ip{network.version}:{text}"


def _holds(outer: Network, inner: Network) -> bool:
    if isinstance(outer, IPv4Network) and isinstance(inner, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, IPv6Network) and isinstance(inner, IPv6Network):
        return inner.subnet_of(outer)
    return False
