"""Check DNS: what the From domain's records say, looked up anew each time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from letterhead.actions.identities import Identities
from letterhead.dns import Dns, Findings
from letterhead.errors import Invalid, NotFound, Problem, Refused
from letterhead.mail import address, dkim, dmarc, spf
from letterhead.mail.gate import Step
from letterhead.mail.portal import Portal
from letterhead.mail.providers import (
    MAILBOX_OF_RELAY,
    PROVIDERS,
    RELAY,
    Filled,
    Provider,
    of_domain,
)
from letterhead.mail.receivers import rules
from letterhead.mail.said import said, spoken
from letterhead.mail.settings import OwnSettings, SesSettings, SmtpSettings
from letterhead.mail.spf import Node, Verdict, Wanted
from letterhead.mail.spf_record import Network
from letterhead.store.settings import Version
from letterhead.store.store import Desk, Store

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """What a check is about: a domain, and who is to send for it."""

    domain: str
    provider: Provider
    server: str = ""  # which data centre, where the provider has several
    networks: Sequence[Network] = ()  # that we send from


@dataclass(frozen=True, slots=True)
class DomainCheck:
    """Asks DNS, and keeps what it said with the settings. No transaction is open meanwhile."""

    store: Store
    dns: Dns
    networks: Sequence[Network]  # that we send from
    identities: Identities

    async def run(self, portal: Portal, now: datetime) -> Row:
        """Check the From domain of the next settings, else of the live ones; ask SES, too."""
        async with self.store.look(portal) as desk:
            version = await looked_at(desk)
        settings = with_address(version)
        found = await check(self.dns, self._about(settings), now)
        if isinstance(settings, SesSettings):
            look = await self.identities.look(portal, version, now)
            records = await self.identities.records(look.found) if look.found else []
            found = {**found, "records": records}
        async with self.store.portal(portal) as desk:
            if (await looked_at(desk)).number != version.number:
                raise NotFound(said("The settings were saved anew during the check: check again."))
            await desk.settings.keep_dns(version.number, found)
        return found

    def _about(self, settings: OwnSettings) -> About:
        """SES sends under names of its own, or of MAIL FROM: nothing is asked of the SPF record."""
        if isinstance(settings, SesSettings):
            return About(settings.from_domain, PROVIDERS["other"])
        provider = PROVIDERS[settings.provider]
        return About(settings.from_domain, provider, settings.server, self.networks)

    async def relay_of(self, portal: Portal) -> Filled | None:
        """The domain's own relay, as the other way where Office 365 has refused a test."""
        async with self.store.look(portal) as desk:
            settings = (await looked_at(desk)).settings
        if not isinstance(settings, SmtpSettings) or settings.provider != MAILBOX_OF_RELAY:
            return None
        return of_domain(settings.from_domain, await self.dns.mx(settings.from_domain) or ())


async def filled_for(dns: Dns, email: str) -> Filled | None:
    """What the form fills in for a From address: the provider is found by the domain's MX."""
    try:
        domain = address.address(email).rpartition("@")[2]
    except ValueError as error:
        raise Invalid([Problem("from_address", "invalid", spoken(error))]) from error
    return of_domain(domain, await dns.mx(domain) or ())


async def filled_by(dns: Dns, provider: Provider, email: str) -> Filled:
    """
    What the form fills in for a provider that was chosen.

    A From address tells the data centre, or the domain's own relay, where it is one already.
    """
    try:
        found = await filled_for(dns, email) if email else None
    except Invalid:
        found = None
    if found and provider.key == RELAY:
        return Filled(provider, found.relay)
    return found if found and found.provider is provider else Filled(provider, provider.server)


async def check(dns: Dns, about: About, now: datetime) -> Row:
    """What DNS says of a domain, and what to publish so that the provider may send for it."""
    findings = await dns.look(about.domain, about.provider.selectors)
    verdict = spf.judge(findings.spf, await _wanted(dns, about, findings.mx or ()))
    return _row(about.domain, findings, verdict, now)


async def _wanted(dns: Dns, about: About, mx: Sequence[str]) -> Wanted:
    provider = about.provider
    if not provider.spf or provider.owns(about.domain):
        return Wanted()
    first, cost = await _offered(dns, provider.includes([about.server, *mx]))
    networks = about.networks if provider.names_us else ()
    return Wanted(includes=(first, *provider.spf), cost=cost, networks=networks)


async def _offered(dns: Dns, includes: Sequence[str]) -> tuple[str, int]:
    """The first of these that has a record, and what including it costs; if none has, the first."""
    for each in includes:
        tree = await dns.spf(each)
        if tree.record or tree.unanswered:
            return each, 1 + tree.lookups
    return includes[0], 1


def with_address(version: Version) -> OwnSettings:
    """Settings with a From address; Refused where none are saved."""
    if not isinstance(version.settings, OwnSettings):
        raise Refused(Step.SAVED.value, said("Save settings with a From address first."))
    return version.settings


async def looked_at(desk: Desk) -> Version:
    """The settings that a check is about: the next ones, else the live."""
    return await desk.settings.next() or await desk.settings.live()


def _row(domain: str, findings: Findings, verdict: Verdict, now: datetime) -> Row:
    keys = [dkim.judge(name, found) for name, found in findings.dkim.items()]
    signs, _ = dkim.together(keys)
    policy = dmarc.judge(domain, findings.dmarc_at, findings.dmarc)
    return {
        "domain": domain,
        "spf": _spf(domain, findings.spf, verdict),
        "dkim": _dkim(keys),
        "dmarc": _dmarc(policy, findings),
        "mx": _list(findings.mx),
        "sender_rules": [asdict(each) for each in rules(verdict.state, signs, policy.state)],
        "asked": list(findings.asked),
        "checked_at": now.isoformat().replace("+00:00", "Z"),
    }


def _spf(domain: str, tree: Node, verdict: Verdict) -> Row:
    return {
        "state": verdict.state.value,
        "detail": verdict.detail,
        "found": verdict.found,
        "publish": verdict.publish,
        "record": _record(domain, verdict.publish),
        "lookups": verdict.lookups,
        "lookups_after": verdict.lookups_after,
        "tree": _tree(tree),
    }


def _dkim(keys: Sequence[dkim.Key]) -> Row:
    state, detail = dkim.together(keys)
    return {
        "state": state.value,
        "detail": detail,
        "selectors": [asdict(each) for each in keys],
    }


def _dmarc(policy: dmarc.Verdict, findings: Findings) -> Row:
    return {
        **asdict(policy),
        "found": list(findings.dmarc or ()),
        "record": _record(f"_dmarc.{policy.domain}", policy.publish),
    }


def _record(domain: str, value: str | None) -> Row | None:
    """The record to publish, with all that a DNS console asks for."""
    return {"name": domain, "type": "TXT", "value": value} if value else None


def _tree(node: Node) -> Row:
    return {
        "domain": node.domain,
        "record": node.record,
        "problem": node.problem or _silence(node),
        "note": node.note or None,
        "lookups": node.lookups,
        "includes": [_tree(each) for each in node.below.values()],
    }


def _silence(node: Node) -> str | None:
    """For which names DNS did not answer, in words."""
    if not node.unanswered:
        return None
    return said("DNS did not answer for {names}.", names=", ".join(node.unanswered))


def _list(found: Sequence[str] | None) -> Row:
    return {"state": "unknown" if found is None else "known", "found": list(found or ())}
