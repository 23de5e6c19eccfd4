"""The provider drop-down, read from `data/providers.toml`."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import resources
from types import MappingProxyType
from typing import Any

from letterhead.mail.limits import Limits

RELAY, MAILBOX_OF_RELAY = "microsoft365_relay", "microsoft365"

_CONNECTIONS = 10  # open at once, at most, where nothing else is known

# Hosts that trust the sender's address instead of a login. The leading dot is the label boundary.
RELAY_SUFFIXES = (
    ".mail.protection.outlook.com",
    ".mx.microsoft",
    ".mail.protection.office365.us",
    ".mail.protection.partner.outlook.cn",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One entry of the provider drop-down."""

    key: str
    name: str
    servers: Sequence[str]  # the first is filled in
    ports: Mapping[int, str]  # and how each is encrypted: tls, starttls, optional
    auth: Sequence[str]
    spf: Sequence[str]  # what the From domain's record may include; one is enough
    regions: Mapping[str, Sequence[str]]  # the same by data centre: by how its names end
    requires_spf: bool
    names_us: bool  # whether that record should name the addresses that we send from, too
    selectors: Sequence[str]  # where the DKIM keys stand, as far as that can be guessed
    mx: Sequence[str]
    own_domains: frozenset[str]
    sister_domains: frozenset[str]
    limits: Limits
    from_rule: str
    notice: str
    notice_date: date | None
    help_url: str
    confirmed: bool

    @property
    def server(self) -> str:
        return self.servers[0] if self.servers else ""

    @property
    def port(self) -> int:
        return next(iter(self.ports))

    @property
    def requires_tls(self) -> bool:
        """Whether its servers are never to be spoken to unencrypted."""
        return "optional" not in self.ports.values()

    def gates(self, domain: str) -> bool:
        """Whether mail from `domain` may leave only if its SPF record lets the provider send."""
        return self.requires_spf and not self.owns(domain)

    def owns(self, domain: str) -> bool:
        """Whether addresses in `domain` are the provider's, so that no firm publishes records."""
        return domain in self.own_domains or domain in self.sister_domains

    def includes(self, hosts: Iterable[str]) -> Sequence[str]:
        """What to publish, best first: of the data centre that `hosts` (server, MX) belong to."""
        for host in hosts:
            for suffix, found in self.regions.items():
                if _ends(host, suffix):
                    return found
        return next(iter(self.regions.values()), self.spf[:1])


@dataclass(frozen=True, slots=True)
class Filled:
    """What the form fills in; `relay` is the host of the domain's own relay, where it has one."""

    provider: Provider
    server: str
    relay: str = ""


def of_domain(domain: str, mx: Sequence[str]) -> Filled | None:
    """Whose a domain is: by the domain itself, else by the names of its MX; None if unknown."""
    for provider in PROVIDERS.values():
        if domain in provider.own_domains:
            return Filled(provider, provider.server)
    for host in mx:
        for provider in PROVIDERS.values():
            if suffix := next((each for each in provider.mx if _ends(host, each)), None):
                return _filled(provider, suffix, host)
    return None


def _filled(provider: Provider, suffix: str, host: str) -> Filled:
    """The server of the same data centre, where the names of the MX tell it apart."""
    server = next((each for each in provider.servers if _ends(each, suffix)), provider.server)
    return Filled(provider, server, host if host.endswith(RELAY_SUFFIXES) else "")


def _ends(host: str, suffix: str) -> bool:
    """Compared on a label boundary."""
    return f".{host}".endswith(f".{suffix}")


def _provider(entry: Mapping[str, Any]) -> Provider:
    regions = {each["suffix"]: each["spf"] for each in entry.get("regions", ())}
    return Provider(
        key=entry["key"],
        name=entry["name"],
        servers=entry.get("servers", ()),
        ports=MappingProxyType({each["port"]: each["security"] for each in entry["ports"]}),
        auth=entry["auth"],
        spf=entry.get("spf") or [include for each in regions.values() for include in each],
        regions=MappingProxyType(regions),
        requires_spf=entry.get("requires_spf", False),
        names_us=entry.get("names_us", False),
        selectors=entry.get("selectors", ()),
        mx=entry.get("mx", ()),
        own_domains=frozenset(entry.get("own_domains", ())),
        sister_domains=frozenset(entry.get("sister_domains", ())),
        limits=Limits(
            connections=entry.get("connections", _CONNECTIONS),
            per_minute=entry.get("per_minute"),
            per_day=entry.get("per_day"),
        ),
        from_rule=entry.get("from_rule", ""),
        notice=entry.get("notice", ""),
        notice_date=entry.get("notice_date"),
        help_url=entry.get("help_url", ""),
        confirmed=entry.get("confirmed", True),
    )


def _read() -> Mapping[str, Provider]:
    text = resources.files("letterhead.mail.data").joinpath("providers.toml").read_text("utf-8")
    found = map(_provider, tomllib.loads(text)["provider"])
    return MappingProxyType({each.key: each for each in found})


PROVIDERS = _read()
