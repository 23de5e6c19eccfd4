"""The store as doors and actions see it: a transaction, bound to one portal or to the platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.errors import Moving, Unavailable
from letterhead.mail import faults
from letterhead.mail.letter import PLATFORM
from letterhead.mail.portal import Portal, Principal
from letterhead.store import access
from letterhead.store.changes import ChangeRows
from letterhead.store.connections import ConnectionRows, trouble
from letterhead.store.database import Database
from letterhead.store.domains import DomainRows
from letterhead.store.held import HeldRows
from letterhead.store.identities import IdentityRows
from letterhead.store.leaving import LeavingRows, rows_of
from letterhead.store.letters import LetterRows
from letterhead.store.messages import MessageRows
from letterhead.store.passwords import PasswordRows
from letterhead.store.people import PeopleRows
from letterhead.store.portals import PlatformRows
from letterhead.store.proofs import ProofRows
from letterhead.store.queue import QueueRows
from letterhead.store.sealed import without_key
from letterhead.store.second_steps import SecondSteps
from letterhead.store.settings import SettingsRows
from letterhead.store.suppressions import SuppressionRows
from letterhead.store.tables import portal as rows
from letterhead.store.tally import TallyRows
from letterhead.store.vault import Vault
from letterhead.store.webhooks import WebhookRows, WebhookSecrets

_AT_ONCE = 100  # secrets that are sealed anew in one transaction
_SOME = 10  # portals that are named

_SEALED = (PasswordRows, SecondSteps, WebhookSecrets)

_MOVE = timedelta(hours=1)  # longer than a portal is on its way
_SHUT = (
    select(rows.c.slug)
    .where(rows.c.moving_at < bindparam("_before"), rows.c.closed_at.is_(None))
    .order_by(rows.c.slug)
    .limit(_SOME)
)

# Locked, but not against rows that point to it: mail comes in meanwhile.
_ROW = select(rows.c.moving_at).with_for_update(key_share=True)


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that one portal has, within one transaction."""

    portal: Portal
    settings: SettingsRows
    proofs: ProofRows
    domains: DomainRows
    identities: IdentityRows
    messages: MessageRows
    connection: ConnectionRows
    held: HeldRows
    suppressions: SuppressionRows
    webhooks: WebhookRows
    letters: LetterRows
    changes: ChangeRows
    tally: TallyRows
    leaving: LeavingRows


class Store:
    """Opens transactions. Nobody says `commit`: what ends without an error is kept."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self.vault = vault

    @asynccontextmanager
    async def portal(self, portal: Portal, *, by: str = "API") -> AsyncIterator[Desk]:
        """
        Change what one portal has, as `by`; others who do wait, its mail does not.

        Moving, if it is on its way to another cell.
        """
        async with self._database.accept() as connection:
            if await connection.scalar(_ROW.where(rows.c.id == portal.id)):
                raise Moving
            yield self._desk(connection, portal, by)

    @asynccontextmanager
    async def look(self, portal: Portal) -> AsyncIterator[Desk]:
        """Look at what one portal has."""
        async with self._database.read() as connection:
            yield self._desk(connection, portal)

    @asynccontextmanager
    async def platform(self, *, by: str = "API") -> AsyncIterator[PlatformRows]:
        """Change portals, keys and people, as `by`."""
        async with self._database.accept() as connection:
            yield PlatformRows(connection, by)

    @asynccontextmanager
    async def look_around(self) -> AsyncIterator[PlatformRows]:
        """Look at portals, keys and people."""
        async with self._database.read() as connection:
            yield PlatformRows(connection)

    async def recognise(self, shown: str, now: datetime) -> Principal | None:
        """Whose key it is; None for one that opens nothing. That it was used is noted."""
        found = await self._database.reading(partial(access.principal, shown=shown))
        if found and found.key_id is not None and found.is_news(now):
            with suppress(Unavailable):  # a full disk does not lock anybody out
                async with self._database.settle() as connection:
                    await PlatformRows(connection).note_use(found.key_id, now)
        return found

    async def acting(self, asking: Principal, slug: str | None) -> Portal | None:
        """The portal that is named, if whoever asks may see it, or the one of his key."""
        return await self._database.reading(partial(access.acting, asking=asking, slug=slug))

    @asynccontextmanager
    async def people(self) -> AsyncIterator[PeopleRows]:
        """Let people in and out."""
        async with self._database.accept() as connection:
            yield PeopleRows(connection, SecondSteps(connection, self.vault))

    @asynccontextmanager
    async def look_at_people(self) -> AsyncIterator[PeopleRows]:
        """Look who is there."""
        async with self._database.read() as connection:
            yield PeopleRows(connection, SecondSteps(connection, self.vault))

    @asynccontextmanager
    async def queue(self) -> AsyncIterator[QueueRows]:
        """Change how the mail of all portals goes on."""
        async with self._database.accept() as connection:
            yield QueueRows(connection)

    @asynccontextmanager
    async def look_at_queue(self) -> AsyncIterator[QueueRows]:
        """Look at what waits in all portals."""
        async with self._database.read() as connection:
            yield QueueRows(connection)

    def rows_of(self, portal: Portal) -> AsyncIterator[str]:
        """Everything that is kept of a portal, without what opens something, as lines of JSON."""
        return rows_of(self._database, portal)

    async def locked(self) -> list[str]:
        """The portals and people of whom something cannot be opened: its key is missing."""
        async with self._database.read() as connection:
            return [name for each in self._sealed(connection) for name in await each.locked()]

    async def problems(self, now: datetime) -> list[str]:
        """What the operator must mend, in words."""
        async with self._database.read() as connection:
            locked = await without_key(connection, self.vault)
            shut = list(await connection.scalars(_SHUT, {"_before": now - _MOVE}))
            platform = await connection.run_sync(trouble, PLATFORM, 0)
        found = []
        if locked:
            found.append(f"Stored secrets whose key is not in the ring: {locked}.")
        if shut:
            found.append(
                f"Portals that a move to another cell has left shut: {', '.join(shut)}."
                " Say letterhead portal move again."
            )
        if platform and platform.paused:
            found.append(
                f"The platform's own route is paused: {faults.by_code(platform.fault).title}."
            )
        return found

    async def reseal(self) -> int:
        """Seal everything anew that an older key sealed; says how much there was."""
        done = 0
        for kind in _SEALED:
            async with self._database.read() as connection:
                old = await kind(connection, self.vault).outdated()
            for start in range(0, len(old), _AT_ONCE):
                async with self._database.accept() as connection:
                    rows = kind(connection, self.vault)
                    done += sum([await rows.reseal(row) for row in old[start : start + _AT_ONCE]])
        return done

    async def outdated(self) -> list[str]:
        """The portals and people of whom an older key still seals something."""
        async with self._database.read() as connection:
            passwords, steps, hooks = self._sealed(connection)
            portals = [row.slug for each in (passwords, hooks) for row in await each.outdated()]
            people = [row.email for row in await steps.outdated()]
        return list(dict.fromkeys([*portals, *people]))

    def _sealed(
        self, connection: AsyncConnection
    ) -> tuple[PasswordRows, SecondSteps, WebhookSecrets]:
        """Everything that the key ring seals."""
        passwords, steps, hooks = _SEALED
        return (
            passwords(connection, self.vault),
            steps(connection, self.vault),
            hooks(connection, self.vault),
        )

    def _desk(self, connection: AsyncConnection, portal: Portal, by: str = "") -> Desk:
        return Desk(
            portal,
            SettingsRows(connection, portal.id, self.vault),
            ProofRows(connection, portal.id),
            DomainRows(connection, portal.id),
            IdentityRows(connection, portal.id),
            MessageRows(connection, portal.id),
            ConnectionRows(connection, portal.id),
            HeldRows(connection, portal.id),
            SuppressionRows(connection, portal.id),
            WebhookRows(connection, portal.id, self.vault),
            LetterRows(connection),
            ChangeRows(connection, portal.id, by),
            TallyRows(connection, portal.id),
            LeavingRows(connection, portal.id),
        )
