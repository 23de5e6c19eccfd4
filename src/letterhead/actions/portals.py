"""Add a portal, issue a key, add a person, find out who asks."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from letterhead.errors import Conflict, Invalid, NotFound, Problem
from letterhead.mail import address
from letterhead.mail.change import Change, Differences
from letterhead.mail.portal import Portal, Principal, Role, Scope, name_problems, portal_problems
from letterhead.mail.said import said, spoken
from letterhead.mail.secret import Secret
from letterhead.store.portals import PlatformRows
from letterhead.store.store import Desk, Store


async def add(rows: PlatformRows, slug: str, name: str, now: datetime) -> Portal:
    """Add a portal; its mail leaves by the platform's route until it is told otherwise."""
    if problems := portal_problems(slug, name):
        raise Invalid(problems)
    return await rows.add_portal(slug, name, now)


async def acting(store: Store, slug: str | None, asking: Principal) -> Portal:
    """
    The portal in whose name somebody acts: the one that is named, or the one of his key.

    NotFound for one that whoever asks may not see, as if there were none.
    """
    found = await store.acting(asking, slug)
    if found is None:
        raise NotFound(said("There is no such portal."))
    return found


async def visible(
    rows: PlatformRows, asking: Principal, *, after: str, limit: int
) -> Sequence[Portal]:
    """The portals that whoever asks may see, by slug."""
    if asking.portal_id is None:
        return await rows.portals(after=after, limit=limit)
    own = await rows.portal_by_id(asking.portal_id)
    return [own] if own and own.slug > after else []


async def refuse_foreign_from(desk: Desk, now: datetime, *, refuses: bool) -> None:
    """Refuse mail that comes by SMTP from an address not its own, or replace its From."""
    before = desk.portal.refuses_foreign_from
    await desk.settings.refuse_foreign_from(refuses=refuses)
    await desk.changes.note(Change.FOREIGN_FROM, now, {"refuses_foreign_from": [before, refuses]})


async def export(desk: Desk, now: datetime) -> None:
    """Note that all that is kept of a portal leaves: its people are told."""
    await desk.changes.note(Change.EXPORTED, now)


async def delete(desk: Desk, now: datetime, *, by: str, discards: bool) -> int:
    """
    Delete a portal: from now on nobody finds it, and what it has is removed soon.

    Conflict if mail waits that is not to be discarded. Gives how many mails were.
    """
    waiting = await desk.leaving.waiting()
    if waiting and not discards:
        message = said(
            "{count} mails of this portal wait: say that they are to be discarded.", count=waiting
        )
        raise Conflict(message)
    if not await desk.leaving.close(desk.portal, by=by, waiting=waiting, now=now):
        raise NotFound("There is no such portal.")
    return waiting


async def issue_key(
    rows: PlatformRows, portal: Portal | None, name: str, scopes: Iterable[Scope], *, now: datetime
) -> Secret:
    """Issue a key for a portal, or for the platform; it can be seen this once."""
    chosen = tuple(scopes)
    problems = name_problems(name)
    if portal and not chosen:
        problems.append(Problem("scopes", "required", said("Choose at least one scope.")))
    if problems:
        raise Invalid(problems)
    if portal:
        shown = f"{name} ({', '.join(each.value for each in chosen)})"
        await rows.changes(portal.id).note(Change.KEY_ISSUED, now, {"key": [None, shown]})
    return await rows.add_key(portal.id if portal else None, name, chosen, now)


async def revoke_key(rows: PlatformRows, portal: Portal, key_id: int, now: datetime) -> None:
    """Let a key open nothing any more."""
    name = await rows.revoke_key(portal.id, key_id, now)
    if name is None:
        raise NotFound(said("This portal has no such key."))
    await rows.changes(portal.id).note(Change.KEY_REVOKED, now, {"key": [name, None]})


async def change_role(
    rows: PlatformRows, portal: Portal, person_id: int, role: Role, *, now: datetime
) -> None:
    """Give a person another role; what they may do is looked up anew with each request."""
    found = await person(rows, portal, person_id)
    if problems := _misplaced(role, portal):
        raise Invalid(problems)
    if found.role == role.value:
        return
    await rows.change_role(person_id, role)
    details: Differences = {found.email: [found.role, role.value]}
    changes = rows.changes(portal.id)
    await changes.note(Change.ROLE_CHANGED, now, details, also=[found.email])


async def remove_person(rows: PlatformRows, portal: Portal, person_id: int, now: datetime) -> None:
    """Take a person's role away; the person is told, too."""
    found = await person(rows, portal, person_id)
    await rows.remove_person(person_id, found.email)
    details: Differences = {found.email: [found.role, None]}
    changes = rows.changes(portal.id)
    await changes.note(Change.PERSON_REMOVED, now, details, also=[found.email])


async def person(rows: PlatformRows, portal: Portal, person_id: int) -> Any:  # noqa: ANN401 - a row
    """One of the people of a portal."""
    found = await rows.person(portal.id, person_id)
    if found is None:
        raise NotFound(said("This portal has no such person."))
    return found


async def add_person(
    rows: PlatformRows, email: str, role: Role, portal: Portal | None, *, now: datetime
) -> None:
    """Add a person: an operator sees every portal, anybody else one."""
    problems: list[Problem] = []
    try:
        email = address.address(email)
    except ValueError as error:
        problems.append(Problem("email", "invalid", spoken(error)))
    if problems := [*problems, *_misplaced(role, portal)]:
        raise Invalid(problems)
    await rows.add_person(email, role, portal.id if portal else None, now)
    if portal:
        details: Differences = {email: [None, role.value]}
        await rows.changes(portal.id).note(Change.PERSON_ADDED, now, details)


def _misplaced(role: Role, portal: Portal | None) -> list[Problem]:
    if (role is Role.OPERATOR) is (portal is None):
        return []
    message = said("An operator belongs to no portal; everybody else needs one.")
    return [Problem("portal", "invalid", message)]
