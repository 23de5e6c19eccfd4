"""A portal moves to another cell: all of it, once, and whatever happens it lives in one of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, insert, select

from letterhead.errors import Conflict, Misconfigured, Moved, Moving, NotFound, Unavailable
from letterhead.mail import feedback
from letterhead.mail.feedback import Report
from letterhead.mail.letter import KeyReused, Lane, Letter, Receipt
from letterhead.mail.news import News
from letterhead.mail.outcome import Sent, Status
from letterhead.mail.portal import Ids, Portal, Principal
from letterhead.store import moving, numbers
from letterhead.store.committer import Committer
from letterhead.store.connections import Connections
from letterhead.store.copying import Copied
from letterhead.store.database import Database
from letterhead.store.feedback import FeedbackRows
from letterhead.store.leaving import GRACE, Leaving
from letterhead.store.news import NewsRows
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.tables import gone_portal, message, metadata, ticket
from letterhead.store.tables import portal as portal_rows
from letterhead.store.vault import Vault
from tests.mail.test_feedback import event
from tests.servers.postgresql import PostgreSQL
from tests.store.conftest import KEY, NOW, letter_of
from tests.store.test_leaving import PASSWORD, furnish
from tests.store.test_outbox import LEASE, TAKEN, keep

LATER = NOW + timedelta(minutes=5)
STAYS = {
    *("account", "failed_sign_in", "gone_portal", "recovery_code", "seats", "second_step"),
    *("session", "ticket", "turn"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A database with numbers of its own, and the store in it."""

    database: Database
    store: Store

    @property
    def url(self) -> str:
        return self.database.url

    async def portal(self, slug: str = "hart") -> Portal | None:
        async with self.store.look_around() as rows:
            return await rows.portal(slug)

    async def messages(self) -> set[str]:
        async with self.database.read() as reading:
            return set(await reading.scalars(select(message.c.id)))

    async def counts(self, of: Portal) -> dict[str, int]:
        """How many rows of each table that moves are a portal's."""
        found: dict[str, int] = {}
        async with self.database.read() as reading:
            for table in metadata.sorted_tables:
                if (which := moving.mine(table, of.id)) is not None:
                    query = select(func.count()).select_from(table).where(which)
                    found[table.name] = await reading.scalar(query) or 0
        return found


async def move(
    source: Cell, target: Cell, slug: str = "hart", now: datetime = LATER
) -> list[Copied]:
    return list(await asyncio.to_thread(begin, source.url, target.url, slug, now))


def begin(source: str, target: str, slug: str, now: datetime = LATER) -> Sequence[Copied]:
    return moving.move(source, target, slug, now=now, progress=lambda *_: None)


@pytest.fixture
def urls(postgres: PostgreSQL) -> Iterator[list[str]]:
    with postgres.database("migrated") as one, postgres.database("migrated") as two:
        for number, url in enumerate((one, two), 1):
            numbers.begin(url, number)
        yield [one, two]


@pytest.fixture
async def cells(urls: list[str]) -> AsyncIterator[list[Cell]]:
    made = [Database(url) for url in urls]
    yield [Cell(each, Store(each, Vault(lambda: [KEY]))) for each in made]
    for each in made:
        await each.close()


@pytest.fixture
async def hart(cells: list[Cell]) -> Portal:
    """A portal with something of everything in the first cell."""
    async with cells[0].store.platform() as rows:
        added = await rows.add_portal("hart", "Hart & Co", NOW)
    await furnish(cells[0].store, added)
    found = await cells[0].portal()
    assert found
    return found


async def shut(cell: Cell) -> None:
    """As a move does that is then cut off."""
    async with cell.database.accept() as writing:
        await writing.execute(portal_rows.update().values(moving_at=NOW))


def test_of_every_table_it_is_said_whether_it_moves() -> None:
    stays = {each.name for each in metadata.sorted_tables if moving.mine(each, 1) is None}

    assert stays == STAYS


async def test_all_that_is_a_portals_moves_and_opens_there(cells: list[Cell], hart: Portal) -> None:
    here, there = cells
    async with there.store.platform() as rows:
        other = await rows.add_portal("other", "Other & Co", NOW)
    await furnish(there.store, other)
    await keep(there.store, other, letter_of(other, Ids(), 2))
    others = await there.counts(other)
    ids = Ids()
    letters = [letter_of(hart, ids, 2) for _ in range(3)]
    await keep(here.store, hart, *letters)
    before = await here.counts(hart)

    copied = await move(here, there)

    assert {each.table: each.rows for each in copied} == before == await there.counts(hart)
    assert before["webhook"] == before["settings"] == before["key"] == before["person"] == 1
    assert before["message"] == before["body"] == 3
    assert await there.counts(other) == others
    found = await there.portal()
    assert found == hart
    async with there.store.look(hart) as desk:
        opened = await desk.settings.secret(await desk.settings.live())
    assert opened is not None
    assert opened.reveal() == PASSWORD.reveal()
    assert await there.store.locked() == []
    claims = await Outbox(there.database).claim((hart.id, Lane.LIVE), LEASE, limit=9, now=NOW)
    assert [each.message_id for each in claims] == [
        each.id for each in letters for _ in each.addressees
    ]


async def test_a_request_that_is_repeated_there_is_answered_as_it_was_here(
    cells: list[Cell], hart: Portal
) -> None:
    here, there = cells
    first = letter_of(hart, Ids(), idempotency_key="invoice-7", request_digest="a")
    await keep(here.store, hart, first)
    await move(here, there)

    async with there.store.portal(hart) as desk:
        again = await desk.letters.add(
            letter_of(hart, Ids(), idempotency_key="invoice-7", request_digest="a")
        )
        other = await desk.letters.add(
            letter_of(hart, Ids(), idempotency_key="invoice-7", request_digest="b")
        )

    assert isinstance(again, Receipt)
    assert (again.id, again.replayed) == (first.id, True)
    assert isinstance(other, KeyReused)


async def test_where_it_was_everybody_is_told_and_its_rows_go(
    cells: list[Cell], hart: Portal
) -> None:
    here, there = cells
    async with here.store.platform() as rows:
        key = await rows.add_key(hart.id, "shop", [], NOW)
    await keep(here.store, hart, letter_of(hart, Ids()))
    await move(here, there)

    asking = await here.store.recognise(key.reveal(), NOW)
    assert asking is not None
    async with here.store.look_around() as rows:
        with pytest.raises(Moved):
            await rows.portal("hart")
        with pytest.raises(Moved):
            await rows.portal_by_id(hart.id)
        assert await rows.portal("hart", lambda _: False) is None
        assert await rows.portal_at_work(hart.id) is None
        assert [(each.slug, each.waiting) for each in await rows.gone(9)] == [("hart", 0)]
    with pytest.raises(Moved):
        await move(here, there)
    with pytest.raises(Moving):
        await keep(here.store, hart, letter_of(hart, Ids()))
    assert await here.store.recognise(key.reveal(), NOW)
    assert await there.store.recognise(key.reveal(), NOW) == Principal(
        hart.id, frozenset(), asking.key_id, None, asking.name
    )
    leaving = Leaving(here.database)
    assert [await leaving.remove(hart.id, LATER + 2 * GRACE) for _ in range(2)] == [1, 0]
    assert set((await here.counts(hart)).values()) == {0}


async def test_links_and_sessions_end_and_roles_are_accepted_anew(
    cells: list[Cell], hart: Portal
) -> None:
    here, there = cells
    async with here.store.people() as people:
        await people.accept("anna@hart.test", hart.id, NOW)
    async with here.database.accept() as writing:
        row = {"digest": "d", "kind": "pass", "email": "a@b.test", "portal_id": hart.id}
        more = {"lasting": 60, "made_by": "op", "created_at": NOW, "expires": LATER}
        await writing.execute(insert(ticket).values(**row, **more))

    await move(here, there)

    async with here.database.read() as reading:
        assert await reading.scalar(select(func.count()).select_from(ticket)) == 0
    async with there.store.look_around() as rows:
        [person] = await rows.people(hart.id, after="", limit=9)
    assert (person.email, person.accepted_at) == ("anna@hart.test", None)


async def test_what_comes_in_meanwhile_is_there_or_was_refused(
    cells: list[Cell], hart: Portal
) -> None:
    here, there = cells
    committer, enough = Committer(here.database), asyncio.Event()
    kept: dict[int, set[str]] = {}
    async with here.store.platform() as rows:
        other = await rows.add_portal("other", "Other & Co", NOW)

    async def hand_in(of: Portal) -> None:
        """As who has found the portal before it was shut, and hands in until it is refused."""
        ids, mine = Ids(), kept.setdefault(of.id, set())
        while not moved.is_set():
            one = letter_of(of, ids)
            try:
                await committer.add([one])
            except Moving:
                assert of == hart  # nobody else is to be refused
                return
            mine.add(one.id)
            if len(mine) > 20:
                enough.set()

    moved = asyncio.Event()
    async with committer.at_work(), asyncio.TaskGroup() as clients:
        for of in [hart, other] * 4:
            clients.create_task(hand_in(of))
        await enough.wait()
        await move(here, there)
        moved.set()

    assert await there.messages() == kept[hart.id]
    assert await here.messages() == kept[hart.id] | kept[other.id]


async def test_what_is_on_the_wire_is_waited_for(cells: list[Cell], hart: Portal) -> None:
    here, there = cells
    await keep(here.store, hart, letter_of(hart, Ids()), letter_of(hart, Ids()))
    outbox, lane = Outbox(here.database), (hart.id, Lane.LIVE)
    [claim] = await outbox.claim(lane, LEASE, limit=1, now=NOW)

    moved = asyncio.create_task(move(here, there))
    await asyncio.sleep(0.4)
    waited = not moved.done()
    await outbox.settle([(claim, Sent(TAKEN, Status.SENT), NOW)])
    await moved

    assert waited
    async with there.store.look(hart) as desk:
        statuses = {
            each: [row.status for row in found.recipients]
            for each in (claim.message_id,)
            if (found := await desk.messages.get(each))
        }
    assert statuses == {claim.message_id: ["sent"]}
    left = await Outbox(there.database).claim(lane, LEASE, limit=9, now=NOW)
    assert len(left) == 1


async def test_nothing_of_it_is_sent_where_it_was(cells: list[Cell], hart: Portal) -> None:
    """Not while it moves; and a worker that stood still since before finds nothing to claim."""
    here, there = cells
    lane = (hart.id, Lane.LIVE)
    await keep(here.store, hart, letter_of(hart, Ids()))
    await shut(here)
    assert await Connections(here.database).route(lane, NOW) is None

    await move(here, there)

    assert await Connections(here.database).route(lane, NOW) is None
    assert list(await Outbox(here.database).claim(lane, LEASE, limit=9, now=NOW)) == []
    assert await Connections(there.database).route(lane, NOW)
    assert len(await Outbox(there.database).claim(lane, LEASE, limit=9, now=NOW)) == 1


async def test_news_of_a_portal_that_moves_are_told_there_and_nobody_elses_wait(
    cells: list[Cell], hart: Portal
) -> None:
    here, there = cells
    async with here.store.platform() as rows:
        other = await rows.add_portal("other", "Other & Co", NOW)
    async with here.database.accept() as writing:
        shut = portal_rows.update().where(portal_rows.c.id == hart.id)
        await writing.execute(shut.values(moving_at=NOW))
    await furnish(here.store, other)

    def write(_: News, portal_id: int) -> list[Letter]:
        return [letter_of(other if portal_id == other.id else hart, Ids())]

    told_here = await NewsRows(here.database).tell(write, LATER)
    await move(here, there)
    told_later = await NewsRows(here.database).tell(write, LATER)
    told_there = await NewsRows(there.database).tell(write, LATER)

    assert set(told_here) == {other.id}
    assert told_later == []
    assert set(told_there) == {hart.id}


async def test_a_portal_that_is_shut_is_not_changed(cells: list[Cell], hart: Portal) -> None:
    here, _ = cells
    await shut(here)

    with pytest.raises(Moving):
        async with here.store.portal(hart) as desk:
            await desk.suppressions.add("gone@client.test", NOW)


async def test_what_is_reported_while_it_moves_is_to_be_reported_again(
    cells: list[Cell], hart: Portal
) -> None:
    here, _ = cells
    one = letter_of(hart, Ids())
    await keep(here.store, hart, one)
    await shut(here)

    found = feedback.read(event("Delivery", one.addressees[0].id))
    assert isinstance(found, Report)

    with pytest.raises(Moving):
        await FeedbackRows(here.database).keep(found)


async def test_a_copy_that_is_not_the_same_changes_nothing(
    cells: list[Cell], hart: Portal, postgres: PostgreSQL
) -> None:
    """A trigger plays the disk that writes something else than it was given."""
    here, there = cells
    await keep(here.store, hart, letter_of(hart, Ids()))
    before = await here.counts(hart)
    fail(postgres, there, "BEFORE INSERT ON body", "NEW.content := decode('00', 'hex');")

    with pytest.raises(Conflict, match="body is not the same"):
        await move(here, there)

    assert await here.portal() == hart
    assert await here.counts(hart) == before
    assert set((await there.counts(hart)).values()) == {0}


async def test_who_dies_after_the_copy_goes_on_with_the_rest(
    cells: list[Cell], hart: Portal, postgres: PostgreSQL
) -> None:
    here, there = cells
    await keep(here.store, hart, letter_of(hart, Ids()))
    before = await here.counts(hart)
    fail(postgres, here, "BEFORE INSERT ON gone_portal", "RAISE EXCEPTION 'died';")
    with pytest.raises(Unavailable, match="died"):
        await move(here, there)
    with pytest.raises(Moving):  # it is there, so it stays shut here
        await here.portal()
    found = await there.portal()
    await keep(there.store, hart, letter_of(hart, Ids()))
    postgres.run("DROP TRIGGER trouble ON gone_portal", here.url.rpartition("/")[2])

    again = await move(here, there, now=LATER + timedelta(hours=1))

    assert (found, again) == (hart, [])
    with pytest.raises(Moved):
        await here.portal()
    assert (await there.counts(hart))["message"] == before["message"] + 1


async def test_a_portal_that_a_move_has_left_shut_is_a_problem(
    cells: list[Cell], hart: Portal
) -> None:
    here, _ = cells
    await shut(here)

    soon = await here.store.problems(NOW + timedelta(minutes=59))
    [late] = await here.store.problems(NOW + timedelta(minutes=61))

    assert soon == []
    assert "left shut: hart." in late


async def test_a_portal_comes_back(cells: list[Cell], hart: Portal) -> None:
    here, there = cells
    await keep(here.store, hart, letter_of(hart, Ids()))
    before = await here.counts(hart)
    await move(here, there)

    await move(there, here, now=LATER + timedelta(seconds=2))

    assert await here.portal() == hart
    assert await here.counts(hart) == before
    with pytest.raises(Moved):
        await there.portal()
    await Leaving(there.database).remove(hart.id, LATER)
    await move(here, there, now=LATER + timedelta(seconds=3))
    assert await there.portal() == hart


async def test_a_move_that_was_cut_off_long_ago_brings_nothing_back(
    cells: list[Cell], hart: Portal
) -> None:
    """It came to the other cell, and has left it since: what is here is old."""
    here, there = cells
    await shut(here)
    row = {"slug": hart.slug, "name": hart.name, "created_at": hart.created_at, "who": "op"}
    async with there.database.accept() as writing:
        await writing.execute(insert(gone_portal).values(**row, closed_at=LATER, waiting=0))

    with pytest.raises(moving.InDoubt):
        await move(here, there)

    with pytest.raises(Moving):
        await here.portal()


async def test_a_copy_of_the_cell_is_no_proof_that_the_portal_has_moved(
    cells: list[Cell], hart: Portal, postgres: PostgreSQL
) -> None:
    here, _ = cells
    await here.database.close()
    with postgres.database(here.url.rpartition("/")[2]) as url:
        for target in (url, here.url):
            with pytest.raises(Conflict, match="There is a portal hart"):
                await asyncio.to_thread(begin, here.url, target, "hart")

    reopened = Database(here.url)
    found = await Cell(reopened, Store(reopened, Vault(lambda: [KEY]))).portal()
    await reopened.close()
    assert found == hart


async def test_cells_whose_numbers_overlap_exchange_no_portals(
    cells: list[Cell], hart: Portal
) -> None:
    here, there = cells
    await asyncio.to_thread(numbers.begin, there.url, 1)
    async with there.store.platform() as rows:
        other = await rows.add_portal("other", "Other & Co", NOW)
        await rows.add_key(other.id, "shop", [], NOW)

    with pytest.raises(Conflict, match="number"):
        await move(here, there)

    assert await here.portal() == hart
    assert other.id == hart.id


async def test_numbers_of_a_cell_go_on_where_they_were(cells: list[Cell], hart: Portal) -> None:
    here, there = cells
    await move(here, there)
    for number, cell in enumerate(cells, 1):
        await asyncio.to_thread(numbers.begin, cell.url, number)

    async with here.store.platform() as rows:
        second = await rows.add_portal("second", "Second", NOW)
    async with there.store.platform() as rows:
        third = await rows.add_portal("third", "Third", NOW)

    assert (hart.id, second.id) == ((1 << 24), (1 << 24) + 1)
    assert third.id == 2 << 24


async def test_what_cannot_move_is_named(cells: list[Cell]) -> None:
    here, there = cells
    with pytest.raises(NotFound):
        await move(here, there, "nobody")
    with pytest.raises(Misconfigured, match="PostgreSQL"):
        moving.demand_cells(here.url, "sqlite:///x")


def fail(postgres: PostgreSQL, cell: Cell, when: str, what: str) -> None:
    name = cell.url.rpartition("/")[2]
    body = f"BEGIN {what} RETURN NEW; END"
    postgres.run(f"CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $${body}$$", name)
    postgres.run(f"CREATE TRIGGER trouble {when} FOR EACH ROW EXECUTE FUNCTION trouble()", name)
