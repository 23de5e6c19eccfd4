"""Lists that can grow are read page by page, and the pages meet."""

from letterhead.mail.portal import Portal, Role, Scope
from letterhead.store.store import Store
from tests.store.conftest import NOW


async def test_people_are_read_page_by_page(store: Store, portal: Portal) -> None:
    names = [f"{number}@hart.test" for number in range(5)]
    async with store.platform(by="anna") as rows:
        for each in reversed(names):
            await rows.add_person(each, Role.VIEWER, portal.id, NOW)

    async with store.look_around() as rows:
        first = await rows.people(portal.id, after="", limit=3)
        rest = await rows.people(portal.id, after=first[-1].email, limit=3)

    assert [each.email for each in [*first, *rest]] == names


async def test_keys_are_read_page_by_page_without_the_revoked(store: Store, portal: Portal) -> None:
    async with store.platform(by="anna") as rows:
        for number in range(5):
            await rows.add_key(portal.id, f"{number}", [Scope.SEND], NOW)
        [second] = (await rows.keys(portal.id, after=0, limit=2))[1:]
        await rows.revoke_key(portal.id, second.id, NOW)

    async with store.look_around() as rows:
        first = await rows.keys(portal.id, after=0, limit=2)
        rest = await rows.keys(portal.id, after=first[-1].id, limit=9)

    assert [each.name for each in [*first, *rest]] == ["0", "2", "3", "4"]


async def test_the_portals_of_somebody_are_read_page_by_page(store: Store) -> None:
    async with store.platform() as rows:
        added = [await rows.add_portal(f"firm-{number}", "Firm", NOW) for number in range(5)]
    own = [each.id for each in added[1:]]

    async with store.look_around() as rows:
        first = await rows.portals(after="", limit=2, among=own)
        rest = await rows.portals(after=first[-1].slug, limit=9, among=own)
        none = await rows.portals(after="", limit=9, among=[])

    assert [each.id for each in [*first, *rest]] == own
    assert none == []
