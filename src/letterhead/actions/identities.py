"""The identity at Amazon SES: made or adopted, followed until it is verified, removed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from letterhead.dns import Dns
from letterhead.errors import Conflict, NotFound, Refused
from letterhead.mail import faults, identity
from letterhead.mail.gate import Step
from letterhead.mail.identity import Identity, Record
from letterhead.mail.portal import Portal
from letterhead.mail.reply import Answer, Reply
from letterhead.mail.said import said
from letterhead.mail.ses import access
from letterhead.mail.settings import SES, SesSettings, Settings
from letterhead.store.identities import Look
from letterhead.store.settings import Version
from letterhead.store.store import Store
from letterhead.transports.identities import SesIdentities, Wish

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Identities:
    """Asks SES, and keeps what it said with the settings. No transaction is open meanwhile."""

    store: Store
    ses: SesIdentities
    dns: Dns
    configuration_set: str  # of the operator's account; empty: none

    async def look(self, portal: Portal, version: Version, now: datetime) -> Look:
        """Make or adopt the identity of a version, and keep how it stands."""
        wish, before = await self._wish(portal, version)
        answer = await self.ses.look(wish, known=before.found)
        return await self._kept(portal, version, _after(before, answer, now))

    async def follow(self, portal_id: int, number: int, now: datetime) -> None:
        """Look at the identity of a version, if that is still there."""
        async with self.store.look_around() as rows:
            portal = await rows.portal_at_work(portal_id)
        if portal is None:
            return
        async with self.store.look(portal) as desk:
            version = await desk.settings.numbered(number)
        if version is not None:
            await self.look(portal, version, now)

    async def verify_again(self, portal: Portal, now: datetime) -> Look:
        """Start the verification anew: SES gives up after three days, and mails get lost."""
        version = await self._current(portal)
        wish, before = await self._wish(portal, version)
        if before.found and before.found.ready:
            raise Conflict(said("Amazon SES has verified {name} already.", name=wish.name))
        if refusal := await self.ses.verify_again(wish):
            return await self._kept(portal, version, _after(before, refusal, now))
        return await self.look(portal, version, now)

    async def remove(self, portal: Portal) -> bool:
        """
        Remove the identity of the next settings; says whether it is gone from SES, too.

        One that was there before us, or that another portal sends as, stays there.
        """
        version = await self._current(portal)
        settings = ses_settings(version.settings)
        async with self.store.look(portal) as desk:
            live = (await desk.settings.live()).settings
            shared = await desk.identities.is_shared(settings)
        if isinstance(live, SesSettings) and live.proof == settings.proof:
            raise Conflict(said("Mail leaves as this identity: go back to Default first."))
        wish, before = await self._wish(portal, version)
        ours = before.found is not None and not before.found.adopted and not shared
        if ours and (refusal := await self.ses.remove(wish)):
            raise Conflict(said("{title}.", title=faults.of(refusal, provider=SES).title))
        async with self.store.portal(portal) as desk:
            await desk.identities.forget(version.number)
        return ours

    async def records(self, found: Identity) -> Sequence[Row]:
        """The records to publish, each with what DNS says of it."""
        return [await self._record(each) for each in identity.records(found)]

    async def _record(self, record: Record) -> Row:
        said = await self.dns.known(record.name, record.type)
        state = record.state(said)
        return {**asdict(record), "found": None if said is None else list(said), "state": state}

    async def _current(self, portal: Portal) -> Version:
        async with self.store.look(portal) as desk:
            return await desk.settings.next() or await desk.settings.live()

    async def _wish(self, portal: Portal, version: Version) -> tuple[Wish, Look]:
        """What is wanted of SES, and what it said last."""
        settings = ses_settings(version.settings)
        async with self.store.look(portal) as desk:
            asked = access(settings, await desk.settings.secret(version))
            before = await desk.identities.of(version.number)
        if before is None:
            raise NotFound(said("The settings were saved anew meanwhile: try again."))
        shared = asked.is_operators
        wish = Wish(
            access=asked,
            name=settings.identity_name,
            owner=portal.slug,
            mail_from=settings.mail_from,
            tenant=identity.tenant(portal.slug) if shared else "",
            configuration_set=self.configuration_set if shared else "",
        )
        return wish, before

    async def _kept(self, portal: Portal, version: Version, look: Look) -> Look:
        async with self.store.portal(portal) as desk:
            await desk.identities.keep(version.number, look)
        return look


def ses_settings(settings: Settings) -> SesSettings:
    """Settings of type AWS; Refused for others."""
    if not isinstance(settings, SesSettings):
        raise Refused(Step.SAVED.value, said("Save settings of type AWS first."))
    return settings


def _after(before: Look, answer: Identity | Answer, now: datetime) -> Look:
    """What is known after a look; SES's silence takes nothing away from it."""
    found = answer if isinstance(answer, Identity) else before.found
    was_ready = before.found is not None and before.found.ready
    looks = 1 if was_ready else before.looks + 1
    due = identity.next_look(found, looks, now=now)
    if isinstance(answer, Identity):
        return Look(found=found, looked_at=now, looks=looks, due=due)
    fault = faults.of(answer, provider=SES).code
    reply = answer.row if isinstance(answer, Reply) else None
    return Look(found=found, fault=fault, reply=reply, looked_at=now, looks=looks, due=due)
