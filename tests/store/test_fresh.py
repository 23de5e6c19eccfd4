"""Bodies that were just accepted are sent from memory; they are on disk all the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from letterhead.mail.letter import Lane, Letter
from letterhead.mail.portal import Ids, Portal
from letterhead.store.committer import Committer
from letterhead.store.database import Database
from letterhead.store.fresh import Fresh
from letterhead.store.outbox import Outbox
from letterhead.store.tables import body
from tests.store.conftest import NOW, letter_of

SIZE = 1000


def letters(portal: Portal, count: int) -> Sequence[Letter]:
    ids = Ids()
    return [replace(letter_of(portal, ids), content=b"x" * SIZE) for _ in range(count)]


@pytest.fixture
def opened() -> Fresh:
    found = Fresh()
    found.open(3 * SIZE)
    return found


def kept(opened: Fresh, some: Sequence[Letter]) -> list[str]:
    """Keep them; gives the ids of those that are there."""
    for each in some:
        opened.keep(each)
    return list(opened.take(each.id for each in some))


def test_each_is_given_once(opened: Fresh, portal: Portal) -> None:
    some = letters(portal, 3)

    assert kept(opened, some) == [each.id for each in some]
    assert not opened.take(each.id for each in some)
    assert len(kept(opened, letters(portal, 3))) == 3  # there is room again


def test_what_finds_no_room_is_read_later(opened: Fresh, portal: Portal) -> None:
    some = letters(portal, 4)

    assert kept(opened, some) == [each.id for each in some[:3]]


def test_what_nobody_takes_makes_room(portal: Portal) -> None:
    short = Fresh(moment=0)
    short.open(3 * SIZE)
    old, new = letters(portal, 3), letters(portal, 1)
    for each in old:
        short.keep(each)

    assert kept(short, new) == [new[0].id]
    assert list(short.take(each.id for each in old)) == [each.id for each in old[1:]]


def test_what_is_due_later_is_not_kept(opened: Fresh, portal: Portal) -> None:
    [letter] = letters(portal, 1)

    assert not kept(opened, [replace(letter, due=NOW + timedelta(hours=1))])


def test_nothing_is_kept_where_nobody_sends(portal: Portal) -> None:
    assert not kept(Fresh(), letters(portal, 1))


async def test_a_claim_finds_its_body_in_memory_once_and_then_on_disk(
    database: Database, opened: Fresh, portal: Portal
) -> None:
    outbox, committer = Outbox(database, opened), Committer(database, opened)
    one, two = letters(portal, 2)
    async with committer.at_work():
        await committer.add([one, two])
    assert await outbox.contents([one.id]) == {one.id: one.content}  # from memory: see below
    async with database.settle() as writing:
        await writing.execute(delete(body).where(body.c.message_id == two.id))

    found = await outbox.contents([one.id, two.id])  # one from disk, two from memory

    assert found == {one.id: one.content, two.id: two.content}
    assert await outbox.contents([two.id]) == {}
    claims = await outbox.claim((portal.id, Lane.LIVE), ("1", NOW), limit=5, now=NOW)
    assert [each.message_id for each in claims] == [one.id, two.id]
