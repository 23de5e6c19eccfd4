"""A portal's settings: the live version, the next one, and those that were live before."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from letterhead.mail.said import kept, told
from letterhead.mail.secret import Secret
from letterhead.mail.settings import (
    DefaultSettings,
    KeepPassword,
    OwnSettings,
    PasswordEdit,
    SesSettings,
    Settings,
    SmtpSettings,
    Type,
)
from letterhead.store.identities import IdentityRows
from letterhead.store.tables import identity, portal, settings, test
from letterhead.store.vault import Vault

_TYPES: Mapping[str, type[DefaultSettings] | type[SesSettings] | type[SmtpSettings]] = {
    Type.DEFAULT.value: DefaultSettings,
    Type.SES.value: SesSettings,
    Type.SMTP.value: SmtpSettings,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a portal's settings; number 0 is the platform's route as it comes."""

    number: int = 0
    settings: Settings = field(default_factory=DefaultSettings)
    saved_at: datetime | None = None
    password_at: datetime | None = None  # when its password was typed
    live_since: datetime | None = None
    dns: Mapping[str, Any] | None = None  # what DNS said when it was last asked


class SettingsRows:
    """The settings of one portal."""

    def __init__(self, connection: AsyncConnection, portal_id: int, vault: Vault) -> None:
        self._connection = connection
        self._portal_id = portal_id
        self._vault = vault

    async def live(self) -> Version:
        return await self._pointed_to("live_version") or Version()

    async def next(self) -> Version | None:
        return await self._pointed_to("next_version")

    async def once_live(self, number: int) -> Version | None:
        """A version that was live before; 0 always was."""
        found = Version() if number == 0 else _version(await self._row(number))
        return found if found and (found.number == 0 or found.live_since) else None

    async def earlier(self, limit: int) -> Sequence[Version]:
        """The versions that were live before, the last one first."""
        live = await self.live()
        rows = await self._connection.execute(
            select(settings)
            .where(
                settings.c.portal_id == self._portal_id,
                settings.c.live_since.is_not(None),
                settings.c.version != live.number,
            )
            .order_by(settings.c.live_since.desc())
            .limit(limit)
        )
        return [found for row in rows if (found := _version(row))]

    async def last_default(self) -> Version:
        """The version of type default that was live last, or the platform's route as it comes."""
        rows = await self._connection.execute(
            select(settings)
            .where(
                settings.c.portal_id == self._portal_id,
                settings.c.type == Type.DEFAULT.value,
                settings.c.live_since.is_not(None),
            )
            .order_by(settings.c.live_since.desc())
            .limit(1)
        )
        return _version(rows.first()) or Version()

    async def save(self, draft: Settings, edit: PasswordEdit, now: datetime) -> Version:
        """Keep `draft` as the next version, in the place of the one that was being prepared."""
        edited = await self.next() or await self.live()
        row = await self._row(edited.number)
        sealed = self._sealed(draft, edit, row.sealed_password if row else None)
        typed = now if isinstance(edit, Secret) else row.password_at if row else None
        number = await self._new_number()
        dns = edited.dns if _same_question(edited.settings, draft) else None
        values = {"version": number, "type": draft.type.value, "fields": asdict(draft)}
        await self._connection.execute(
            insert(settings).values(
                portal_id=self._portal_id,
                sealed_password=sealed,
                password_at=typed if sealed else None,
                saved_at=now,
                dns=kept(dns),
                **values,
            )
        )
        if isinstance(draft, SesSettings):
            identity_rows = IdentityRows(self._connection, self._portal_id)
            await identity_rows.begin(number, draft, now)
        if isinstance(edit, KeepPassword) and _proves(edited.settings, draft):
            await self._inherit_test(edited.number, number)
        if edited.number and not edited.live_since:
            await self._forget(edited.number)
        return Version(number=number, settings=draft, saved_at=now, dns=dns)

    async def secret(self, version: Version) -> Secret | None:
        """The stored password or secret key of a version, if there is one that can be opened."""
        row, found = await self._row(version.number), version.settings
        if row is None or row.sealed_password is None or not isinstance(found, OwnSettings):
            return None
        return self._vault.open(row.sealed_password, destination(self._portal_id, found))

    async def numbered(self, number: int) -> Version | None:
        """A version by its number."""
        return _version(await self._row(number))

    async def keep_dns(self, number: int, found: Mapping[str, Any]) -> None:
        """Keep what DNS said of a version's From domain."""
        await self._connection.execute(
            update(settings).where(*self._is(settings, number)).values(dns=kept(found))
        )

    async def go_live(self, version: Version, now: datetime) -> None:
        """Let `version` send from now on."""
        await self._connection.execute(
            update(settings).where(*self._is(settings, version.number)).values(live_since=now)
        )
        await self._point("live_version", version.number)

    async def forget_next(self) -> None:
        await self._point("next_version", None)

    async def refuse_foreign_from(self, *, refuses: bool) -> None:
        """Say whether mail that comes by SMTP from another address than its own is refused."""
        query = update(portal).where(portal.c.id == self._portal_id)
        await self._connection.execute(query.values(refuses_foreign_from=refuses))

    def _sealed(self, draft: Settings, edit: PasswordEdit, kept: bytes | None) -> bytes | None:
        if not isinstance(draft, OwnSettings) or not draft.password_set:
            return None
        if isinstance(edit, Secret):
            return self._vault.seal(edit, destination(self._portal_id, draft))
        return kept

    async def _inherit_test(self, earlier: int, number: int) -> None:
        """Let the test of an earlier version count for one that changes nothing it proves."""
        kept = [each for each in test.c if each.name != "version"]
        tested = select(literal(number), *kept).where(*self._is(test, earlier))
        names = ["version", *(each.name for each in kept)]
        await self._connection.execute(insert(test).from_select(names, tested))

    async def _forget(self, number: int) -> None:
        """Forget a version that was never live, and what belongs to it."""
        for table in (test, identity, settings):
            await self._connection.execute(delete(table).where(*self._is(table, number)))

    def _is(self, table: Table, number: int) -> tuple[ColumnElement[bool], ...]:
        return table.c.portal_id == self._portal_id, table.c.version == number

    async def _new_number(self) -> int:
        number = portal.c.last_version + 1
        given = await self._connection.scalar(
            update(portal)
            .where(portal.c.id == self._portal_id)
            .values(last_version=number, next_version=number)
            .returning(portal.c.last_version)
        )
        return int(given or 0)

    async def _point(self, column: str, number: int | None) -> None:
        await self._connection.execute(
            update(portal).where(portal.c.id == self._portal_id).values({column: number})
        )

    async def _pointed_to(self, column: str) -> Version | None:
        number = await self._connection.scalar(
            select(portal.c[column]).where(portal.c.id == self._portal_id)
        )
        return _version(await self._row(number)) if number else None

    async def _row(self, number: int) -> Row[Any] | None:
        rows = await self._connection.execute(select(settings).where(*self._is(settings, number)))
        return rows.first()


def destination(portal_id: int, of: OwnSettings) -> tuple[object, ...]:
    """What a sealed password is bound to."""
    return portal_id, *of.destination


def settings_from(type_: str, fields: Mapping[str, Any]) -> Settings:
    """Read settings back as they were kept."""
    return _TYPES[type_](**fields)


def _version(row: Row[Any] | None) -> Version | None:
    if row is None:
        return None
    return Version(
        number=row.version,
        settings=settings_from(row.type, row.fields),
        saved_at=row.saved_at,
        password_at=row.password_at,
        live_since=row.live_since,
        dns=told(row.dns),
    )


def _proves(tested: Settings, draft: Settings) -> bool:
    return (
        isinstance(tested, OwnSettings)
        and isinstance(draft, OwnSettings)
        and (tested.type, tested.proof) == (draft.type, draft.proof)
    )


def _same_question(asked: Settings, draft: Settings) -> bool:
    """Whether what DNS said still answers what these settings need to know."""
    return (
        isinstance(asked, OwnSettings)
        and isinstance(draft, OwnSettings)
        and asked.type == draft.type
        and (asked.provider, asked.from_domain) == (draft.provider, draft.from_domain)
    )
