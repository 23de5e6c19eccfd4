"""Warns a portal, and then pauses it, before Amazon SES stops the account of all portals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from letterhead.mail import reputation
from letterhead.mail.change import Change, Differences
from letterhead.mail.letter import Lane
from letterhead.mail.portal import Portal
from letterhead.mail.reputation import SPAN, TRUCE, Counts, Finding, Verdict
from letterhead.mail.settings import Account, SesSettings
from letterhead.store.connections import Connections
from letterhead.store.store import Desk, Store
from letterhead.store.suppressions import Reason

BY = "Letterhead"  # in the history


@dataclass(frozen=True, slots=True)
class Reputation:
    """Judges a portal after each report that counts against it."""

    store: Store
    connections: Connections
    clock: Callable[[], datetime]

    async def judge(self, portal_id: int) -> None:
        """Look at the last days of a portal, and do what follows."""
        now = self.clock()
        async with self.store.look_around() as rows:
            portal = await rows.portal_at_work(portal_id)
        if portal is None:
            return
        async with self.store.look(portal) as desk:
            findings = await _findings(desk, now)
            truce = await desk.changes.was(Change.RESUMED, now - TRUCE)
            warned = await desk.changes.was(Change.WARNED, now - SPAN)
        if findings and not warned:
            await self._warn(portal, findings, now)
        too_much = [each for each in findings if each.verdict is Verdict.PAUSE]
        if too_much and not truce:
            await self._pause(portal, too_much[0], now)

    async def _warn(self, portal: Portal, findings: Sequence[Finding], now: datetime) -> None:
        async with self.store.portal(portal, by=BY) as desk:
            shares: Differences = {
                each.limit.of: [f"{each.limit.warn:.2%}", each.words] for each in findings
            }
            await desk.changes.note(Change.WARNED, now, shares)

    async def _pause(self, portal: Portal, found: Finding, now: datetime) -> None:
        """Hold its mail for a day, or until a person lets it go on."""
        route = await self.connections.route((portal.id, Lane.LIVE), now)
        if route is not None:
            await self.connections.failed(route, found.stuck, now)


async def _findings(desk: Desk, now: datetime) -> Sequence[Finding]:
    """Nothing, where the portal does not send by the operator's AWS account."""
    live = (await desk.settings.live()).settings
    if not isinstance(live, SesSettings) or live.account != Account.OPERATOR:
        return ()
    days = await desk.tally.days(now, many=SPAN.days)
    counts = Counts(
        sent=sum(each.sent for each in days),
        bounced=await desk.suppressions.count(Reason.BOUNCED, now - SPAN),
        complained=await desk.suppressions.count(Reason.COMPLAINED, now - SPAN),
    )
    return reputation.judge(counts)
