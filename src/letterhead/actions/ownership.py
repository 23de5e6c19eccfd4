"""Prove that the From domain is the portal's: by a TXT record, or by a code to its postmaster."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from letterhead.actions import codes
from letterhead.actions.domains import DomainCheck, Row, looked_at, with_address
from letterhead.errors import Invalid, Problem, Refused, TooMany
from letterhead.mail import proof
from letterhead.mail.gate import Step
from letterhead.mail.letter import Lane, LaneKey
from letterhead.mail.notice import Notice, Press
from letterhead.mail.portal import Portal
from letterhead.mail.proof import DomainCode
from letterhead.mail.said import said
from letterhead.mail.settings import OwnSettings, SesSettings, Verifies
from letterhead.store.store import Desk, Store

_TOKEN = 32  # characters: 128 bits


@dataclass(frozen=True, slots=True)
class Ownership:
    """Gives out what proves a domain, and takes the proof."""

    store: Store
    wake: Callable[[LaneKey], None]
    press: Press
    domains: DomainCheck

    async def record(self, portal: Portal) -> Row:
        """The TXT record that proves the From domain."""
        domain = await self._domain(portal)
        value = self._values(portal, domain)[0]
        return {"domain": domain, "name": f"_letterhead.{domain}", "type": "TXT", "value": value}

    async def confirm_record(self, portal: Portal, now: datetime) -> None:
        """Look for that record, and note that the domain is proven."""
        record = await self.record(portal)
        await self.domains.run(portal, now)  # the relay must be one of the domain's MX
        found = await self.domains.dns.txt(record["name"])
        if found is None:
            raise Refused(
                Step.DOMAIN_PROVEN.value, said("DNS did not answer: try again."), "unknown"
            )
        if not set(found).intersection(self._values(portal, record["domain"])):
            detail = said(
                "There is no TXT record {name} with the value {value}.",
                name=record["name"],
                value=record["value"],
            )
            raise Refused(Step.DOMAIN_PROVEN.value, detail, "missing")
        async with self.store.portal(portal) as desk:
            await desk.domains.prove(record["domain"], now)

    async def send_code(self, portal: Portal, to: str, now: datetime) -> Row:
        """
        Send a code to the domain's postmaster (RFC 2142, section 5), by the platform's route.

        Where Amazon SES verifies one address only, the code goes there, and proves it alone.
        """
        owned = _proven_by_mail(await self._settings(portal))
        recipient = owned if "@" in owned else f"postmaster@{owned}"
        if to.strip().lower() not in {"", recipient.lower()}:
            message = said(
                "Only {recipient} can prove this: another mailbox proves itself alone.",
                recipient=recipient,
            )
            raise Invalid([Problem("to", "not_postmaster", message)])
        async with self.store.portal(portal) as desk:
            await self._send(desk, owned, recipient, now)
        self.wake((portal.id, Lane.SYSTEM))
        ends = now + proof.DOMAIN_CODE_KEPT
        return {"domain": owned, "to": recipient, "valid_until": ends}

    async def confirm_code(self, portal: Portal, code: str, now: datetime) -> int | None:
        """Take the code. Gives None if it is right, else how many more tries there are."""
        domain = _proven_by_mail(await self._settings(portal))
        await self.domains.run(portal, now)  # the relay must be one of the domain's MX
        async with self.store.portal(portal) as desk:
            sent = await desk.domains.newest_code(domain)
            if sent is None or not sent.stands(now):
                detail = said("Let a code be sent first that proves {owned}.", owned=domain)
                raise Refused(Step.DOMAIN_PROVEN.value, detail, "missing")
            if codes.fits(sent.code_digest, self.store.vault, sent.message_id, code):
                await desk.domains.prove(domain, now)
                return None
            await desk.domains.count_wrong_code(sent.message_id)
        return proof.WRONG_CODES - sent.wrong_codes - 1

    async def _send(self, desk: Desk, domain: str, postmaster: str, now: datetime) -> None:
        if await desk.domains.codes_since(now - proof.HOUR) >= proof.DOMAIN_CODES_AN_HOUR:
            detail = said(
                "A portal may ask postmasters {limit} times an hour.",
                limit=proof.DOMAIN_CODES_AN_HOUR,
            )
            raise TooMany(detail, retry_after=int(proof.HOUR.total_seconds()))
        code = proof.new_code()
        letter = self.press.letter(
            self._notice(desk.portal, domain, postmaster, code), desk.portal.id, now
        )
        digest = codes.digest(self.store.vault, letter.id, code)
        sent = DomainCode(message_id=letter.id, domain=domain, sent_at=now, code_digest=digest)
        await desk.domains.keep_code(sent)
        await desk.letters.add(letter)

    def _notice(self, portal: Portal, domain: str, postmaster: str, code: str) -> Notice:
        platform = self.press.platform.name
        return Notice(
            to=postmaster,
            subject=f"May {portal.name} send mail as {domain}?",
            text=proof.domain_text(code, portal=portal.name, domain=domain, platform=platform),
            kept=proof.DOMAIN_CODE_KEPT,
        )

    def _values(self, portal: Portal, domain: str) -> list[str]:
        """What the record may say: by the newest key, or by one that was the newest before."""
        digests = self.store.vault.digests(f"domain:{portal.id}:{domain}")
        return [f"letterhead-domain={each[:_TOKEN]}" for each in digests]

    async def _domain(self, portal: Portal) -> str:
        return (await self._settings(portal)).from_domain

    async def _settings(self, portal: Portal) -> OwnSettings:
        async with self.store.look(portal) as desk:
            return with_address(await looked_at(desk))


def _proven_by_mail(settings: OwnSettings) -> str:
    """What a code proves: the domain, or the one address that SES verifies."""
    alone = isinstance(settings, SesSettings) and settings.identity == Verifies.ADDRESS
    return settings.from_address if alone else settings.from_domain
