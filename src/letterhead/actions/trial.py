"""Send Test Email: one mail by the very way that real mail takes, and what became of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from letterhead.actions import codes
from letterhead.actions.domains import DomainCheck
from letterhead.actions.settings import progress
from letterhead.errors import Invalid, NotFound, Problem, TooMany, Unavailable
from letterhead.mail import address, gate, proof
from letterhead.mail.gate import Step
from letterhead.mail.letter import Lane, LaneKey
from letterhead.mail.message import MessageClass
from letterhead.mail.notice import Notice, Press
from letterhead.mail.portal import Portal
from letterhead.mail.proof import Proof
from letterhead.mail.said import said, spoken
from letterhead.mail.settings import DefaultSettings, SesSettings, SmtpSettings, gates_dns
from letterhead.store.settings import Version
from letterhead.store.store import Desk, Store

_PATIENCE = 90.0  # seconds until the dialog gives up; the way out gives up sooner
_LOOK = 0.03  # seconds between looks for the result
_KEPT = timedelta(minutes=10)  # after which a test that no worker took is not sent any more


@dataclass(frozen=True, slots=True)
class Trial:
    """Sends test mails, and waits for what becomes of them."""

    store: Store
    wake: Callable[[LaneKey], None]
    press: Press
    domains: DomainCheck
    public_url: str  # of the pages

    async def run(self, portal: Portal, to: str, now: datetime) -> Proof:
        """Send a test mail to `to`; the answer tells how far it came."""
        recipient = _recipient(to)
        await self._ask_dns(portal, now)
        async with self.store.portal(portal) as desk:
            version, message_id = await self._begin(desk, recipient, now)
        self.wake((portal.id, Lane.TEST))
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._result(portal, version, message_id)
        except TimeoutError as error:
            raise Unavailable(said("No worker has sent the test mail yet: try again.")) from error

    async def _ask_dns(self, portal: Portal, now: datetime) -> None:
        """Look anew at what the gate asks for: the SPF record, or the identity at SES."""
        async with self.store.look(portal) as desk:
            version, _ = await progress(desk)
        if gates_dns(version.settings):
            await self.domains.run(portal, now)

    async def _begin(self, desk: Desk, to: str, now: datetime) -> tuple[int, str]:
        version, so_far = await progress(desk)
        gate.demand(so_far, before=Step.TEST_ACCEPTED)
        if await desk.proofs.sent_since(now - proof.HOUR) >= proof.AN_HOUR:
            detail = said("A portal may send {limit} test mails an hour.", limit=proof.AN_HOUR)
            raise TooMany(detail, retry_after=int(proof.HOUR.total_seconds()))
        code = proof.new_code()
        letter = self.press.letter(
            self._notice(desk.portal, version, recipient=to, code=code),
            desk.portal.id,
            now,
            version.settings,
        )
        digest = codes.digest(self.store.vault, letter.id, code)
        begun = Proof(message_id=letter.id, recipient=to, sent_at=now, code_digest=digest)
        await desk.proofs.begin(version.number, begun)
        await desk.letters.add(letter)
        return version.number, letter.id

    def _notice(self, portal: Portal, version: Version, *, recipient: str, code: str) -> Notice:
        return Notice(
            to=recipient,
            subject=f"Test mail for {portal.name}",
            text=proof.test_text(
                code,
                portal=portal.name,
                server=self._server(version),
                page=f"{self.public_url}/portals/{portal.slug}/email-settings",
            ),
            kept=_KEPT,
            message_class=MessageClass.TEST,
        )

    def _server(self, version: Version) -> str:
        match version.settings:
            case SmtpSettings(server=server):
                return server
            case SesSettings(region=region):
                return said("Amazon SES in {region}", region=region)
            case DefaultSettings():
                return self.press.platform.name

    async def _result(self, portal: Portal, version: int, message_id: str) -> Proof:
        while True:
            async with self.store.look(portal) as desk:
                found = await desk.proofs.of(version)
            if found is None or found.message_id != message_id:
                raise NotFound(
                    said("The settings were saved anew during the test: test them again.")
                )
            if found.accepted is not None:
                return found
            await asyncio.sleep(_LOOK)


def _recipient(to: str) -> str:
    try:
        return address.address(to)
    except ValueError as error:
        raise Invalid([Problem("to", "invalid", spoken(error))]) from error
