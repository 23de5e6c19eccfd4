"""A stored password never reaches a host, port, encryption or login that it was not typed for."""

import asyncio
import itertools
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from letterhead.actions.settings import SmtpEdit, save_smtp
from letterhead.errors import Invalid
from letterhead.mail.letter import Lane
from letterhead.mail.portal import Portal
from letterhead.mail.secret import Secret
from letterhead.mail.settings import (
    KeepPassword,
    PasswordEdit,
    Ports,
    RemovePassword,
    SmtpSettings,
)
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.settings import destination
from letterhead.store.store import Store
from letterhead.store.vault import Vault
from tests.store.conftest import KEY, NOW

_slugs = (f"portal-{number}" for number in itertools.count())


@dataclass(frozen=True)
class Save:
    """One save of the form."""

    draft: SmtpSettings
    edit: PasswordEdit


drafts = st.builds(
    SmtpSettings,
    server=st.sampled_from(["smtp.good.test", "smtp.evil.test", "a.mail.protection.outlook.com"]),
    port=st.sampled_from([25, 465, 587]),
    login=st.sampled_from(["", "office@hart.test", "sales@hart.test"]),
    allow_ssl=st.booleans(),
    from_address=st.sampled_from(["office@hart.test", "sales@hart.test"]),
)
edits = st.one_of(
    st.sampled_from(["first secret", "second secret"]).map(Secret),
    st.builds(KeepPassword),
    st.builds(RemovePassword),
)
saves = st.lists(st.builds(Save, drafts, edits), min_size=2, max_size=8)


async def _walk(path: Path, steps: list[Save]) -> list[str]:
    """Save the form step by step; gives the passwords that came to where they must not."""
    database = Database(f"sqlite:///{path / 'letterhead.db'}")
    await database.migrate()
    store = Store(database, Vault(lambda: [KEY]))
    leaks: list[str] = []
    try:
        async with store.platform() as rows:
            portal = await rows.add_portal(next(_slugs), "Hart & Co", NOW)
        typed: dict[tuple[object, ...], str] = {}  # the last password for each destination
        for step in steps:
            await _save(store, portal, step, typed)
            leaks += await _leaks(database, store, portal, typed)
    finally:
        await database.close()
    return leaks


async def _save(
    store: Store, portal: Portal, step: Save, typed: dict[tuple[object, ...], str]
) -> None:
    try:
        async with store.portal(portal) as desk:
            saved = await save_smtp(desk, SmtpEdit(step.draft, step.edit), NOW, ports=Ports())
    except Invalid:
        return
    assert isinstance(saved.settings, SmtpSettings)
    if isinstance(step.edit, Secret):
        typed.clear()  # nothing else may be found any more
        typed[saved.settings.destination] = step.edit.reveal()
    if isinstance(step.edit, RemovePassword):
        typed.clear()


async def _leaks(
    database: Database, store: Store, portal: Portal, typed: dict[tuple[object, ...], str]
) -> list[str]:
    """Open the password as delivery does: by the settings that a test mail would take."""
    route = await Connections(database).route((portal.id, Lane.TEST), NOW)
    assert route is not None
    if not isinstance(route.settings, SmtpSettings) or route.sealed_password is None:
        return []
    opened = store.vault.open(route.sealed_password, destination(route.portal_id, route.settings))
    shown = opened.reveal() if opened else ""
    return [] if shown == typed.get(route.settings.destination) else [shown]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=saves)
def test_it_is_opened_for_what_it_was_typed_for_and_nothing_else(
    tmp_path: Path, steps: list[Save]
) -> None:
    assert asyncio.run(_walk(tmp_path, steps)) == []


@given(drafts, drafts, st.integers(1, 3), st.integers(1, 3))
def test_a_sealed_password_opens_for_its_very_destination(
    one: SmtpSettings, other: SmtpSettings, portal: int, stranger: int
) -> None:
    vault = Vault(lambda: [KEY])
    sealed = vault.seal(Secret("a secret"), destination(portal, one))

    opened = vault.open(sealed, destination(stranger, other))

    same = portal == stranger and one.destination == other.destination
    assert (opened is not None) is same
    assert b"a secret" not in sealed
