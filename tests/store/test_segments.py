"""Large bodies beside SQLite: on disk before their rows, read from there, gone when forgotten."""

import stat
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from letterhead.errors import StorageFull, Unavailable
from letterhead.mail.letter import Lane, Letter, Receipt
from letterhead.mail.message import MessageClass
from letterhead.mail.outcome import Sent, Status
from letterhead.mail.portal import Portal
from letterhead.mail.reply import Reply, Stage
from letterhead.store import copying, postgresql, segments
from letterhead.store.bodies import LARGE
from letterhead.store.committer import Committer
from letterhead.store.database import Database
from letterhead.store.history import History
from letterhead.store.outbox import Outbox
from letterhead.store.segments import Missing, Place, Segments
from letterhead.store.store import Store
from letterhead.store.tables import body
from tests.servers import small_disk
from tests.servers.postgresql import PostgreSQL
from tests.store.conftest import NOW, MakeLetter
from tests.store.test_outbox import LEASE

CONTENT = b"Subject: Plans\r\n\r\n" + b"x" * LARGE
DAY = timedelta(days=1)
OK = Sent(Reply(Stage.MESSAGE, 250, "2.0.0 Ok"), Status.SENT)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Only SQLite has segments."""
    made = Database(f"sqlite:///{tmp_path / 'letterhead.db'}")
    await made.migrate()
    yield made
    await made.close()


@pytest.fixture
async def committer(database: Database) -> AsyncIterator[Committer]:
    made = Committer(database)
    async with made.at_work():
        yield made


def folder(database: Database) -> Path:
    assert database.segments
    return database.segments.folder


def files(database: Database) -> list[Path]:
    return sorted(folder(database).iterdir()) if folder(database).exists() else []


async def in_rows(database: Database) -> Mapping[str, bytes]:
    """What the rows themselves hold."""
    async with database.read() as reading:
        rows = await reading.execute(select(body.c.message_id, body.c.content))
        return {row.message_id: row.content for row in rows}


async def seen(store: Store, portal: Portal, letter: Letter) -> bytes | None:
    async with store.look(portal) as desk:
        return await desk.messages.content(letter.id)


async def sent(database: Database, portal: Portal, *letters: Letter) -> None:
    """Settle some of what waits."""
    outbox = Outbox(database)
    claims = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=100, now=NOW)
    ids = {each.id for each in letters}
    await outbox.settle([(each, OK, NOW) for each in claims if each.message_id in ids])


async def test_a_large_body_is_in_a_file_and_a_small_one_in_its_row(
    committer: Committer, database: Database, store: Store, portal: Portal, letter: MakeLetter
) -> None:
    large, small = letter(content=CONTENT), letter()

    kept = await committer.add([large, small])

    [file] = files(database)
    assert all(isinstance(each, Receipt) for each in kept)
    assert await in_rows(database) == {large.id: b"", small.id: small.content}
    assert file.read_bytes().endswith(CONTENT)
    assert stat.S_IMODE(folder(database).stat().st_mode) == 0o700
    assert await Outbox(database).contents([large.id, small.id]) == {
        large.id: CONTENT,
        small.id: small.content,
    }
    assert await seen(store, portal, large) == CONTENT


async def test_what_the_platform_says_is_in_its_row(
    committer: Committer, database: Database, letter: MakeLetter
) -> None:
    """It is forgotten as soon as everybody has it, and a file keeps its octets for longer."""
    code = letter(content=CONTENT, message_class=MessageClass.SYSTEM)

    await committer.add([code])

    assert await in_rows(database) == {code.id: CONTENT}
    assert files(database) == []


async def test_one_file_takes_many_bodies_and_the_next_process_begins_another(
    committer: Committer, database: Database, letter: MakeLetter
) -> None:
    letters = [letter(content=CONTENT + bytes([at])) for at in range(5)]
    for each in letters:
        await committer.add([each])
    before = len(files(database))
    segments_of(database).close()
    letters.append(letter(content=CONTENT))
    await committer.add(letters[-1:])

    assert (before, len(files(database))) == (1, 2)
    found = await Outbox(database).contents([each.id for each in letters])
    assert found == {each.id: each.content for each in letters}


async def test_a_file_that_has_its_size_is_followed_by_another(tmp_path: Path) -> None:
    made = Segments(tmp_path / "bodies", size=100)

    places = [(await made.lay_down({f"{at}": bytes([at]) * 60}))[f"{at}"] for at in range(4)]
    made.close()

    assert len({each.segment for each in places}) == 2
    found = [segments.read(made.folder, f"{at}", each) for at, each in enumerate(places)]
    assert found == [bytes([at]) * 60 for at in range(4)]


async def test_a_file_goes_when_all_of_it_is_forgotten_and_nobody_appends_to_it(
    committer: Committer, database: Database, portal: Portal, letter: MakeLetter
) -> None:
    letters = [letter(content=CONTENT) for _ in range(2)]
    await committer.add(letters)
    await sent(database, portal, *letters)
    history = History(database)
    await history.forget_bodies(NOW + DAY)

    while_open = await history.tidy(NOW)
    segments_of(database).close()
    gone = await history.tidy(NOW)

    assert (while_open, gone, files(database)) == (0, 1, [])


async def test_what_little_is_left_of_a_file_moves_into_its_row(
    committer: Committer, database: Database, store: Store, portal: Portal, letter: MakeLetter
) -> None:
    letters = [letter(content=CONTENT + bytes([at])) for at in range(8)]
    await committer.add(letters)
    segments_of(database).close()
    history = History(database)

    await sent(database, portal, *letters[:5])
    await history.forget_bodies(NOW + DAY)
    much_left = await history.tidy(NOW)
    await Outbox(database).free(NOW, everything=True)
    await sent(database, portal, *letters[5:7])
    await history.forget_bodies(NOW + DAY)
    little_left = await history.tidy(NOW)

    assert (much_left, little_left, files(database)) == (0, 1, [])
    assert await in_rows(database) == {letters[7].id: letters[7].content}
    assert await seen(store, portal, letters[7]) == letters[7].content


async def test_a_body_that_is_missing_is_left_out(
    committer: Committer, database: Database, store: Store, portal: Portal, letter: MakeLetter
) -> None:
    """Somebody brought back the database, and not the files."""
    large, small = letter(content=CONTENT), letter()
    await committer.add([large, small])
    files(database)[0].unlink()

    found = await Outbox(database).contents([large.id, small.id])

    assert found == {small.id: small.content}
    assert await seen(store, portal, large) is None
    segments_of(database).close()
    assert await History(database).tidy(NOW) == 0


@pytest.mark.parametrize(
    "change",
    [{"start": 0}, {"start": 34}, {"octets": LARGE * 2}, {"segment": "elsewhere"}],
    ids=str,
)
async def test_no_body_is_taken_for_another(tmp_path: Path, change: Mapping[str, object]) -> None:
    made = Segments(tmp_path / "bodies")
    places = await made.lay_down({"1" * 32: b"a" * LARGE, "2" * 32: b"b" * LARGE})
    made.close()
    wrong = Place(**{**places["2" * 32]._asdict(), **change})

    assert segments.read(made.folder, "2" * 32, places["2" * 32]) == b"b" * LARGE
    with pytest.raises(Missing):
        segments.read(made.folder, "2" * 32, wrong)


async def test_where_no_file_can_be_made_nothing_is_accepted(
    committer: Committer, database: Database, letter: MakeLetter
) -> None:
    folder(database).write_text("in the way")

    with pytest.raises(Unavailable, match="File exists"):
        await committer.add([letter(content=CONTENT)])

    assert await in_rows(database) == {}
    folder(database).unlink()
    await committer.add([letter(content=CONTENT)])
    assert len(await in_rows(database)) == 1


async def test_a_full_disk_takes_no_body_and_those_before_stay_whole(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk.mounted(disk, 1) as is_mounted:
        if not is_mounted:
            pytest.skip("needs to mount a small disk: run as root")
        made = Segments(disk / "bodies")
        first = await made.lay_down({"first": CONTENT})

        with pytest.raises(StorageFull, match="disk is full"):
            await made.lay_down({"second": CONTENT * 40})

        assert sum(each.stat().st_size for each in made.folder.iterdir()) < 2 * len(CONTENT)
        third = await made.lay_down({"third": CONTENT})
        for key, places in (("first", first), ("third", third)):
            assert segments.read(made.folder, key, places[key]) == CONTENT
        made.close()


async def test_a_file_that_somebody_appends_to_is_not_left_alone(tmp_path: Path) -> None:
    made = Segments(tmp_path / "bodies")
    place = (await made.lay_down({"1": CONTENT}))["1"]

    with segments.left_alone(made.folder / place.segment) as while_open:
        pass
    made.close()
    with segments.left_alone(made.folder / place.segment) as closed:
        pass

    assert (while_open, closed) == (False, True)


async def test_a_copy_for_postgresql_has_every_body_in_its_row(
    committer: Committer,
    database: Database,
    portal: Portal,
    letter: MakeLetter,
    postgres: PostgreSQL,
) -> None:
    letters = [letter(content=CONTENT), letter()]
    await committer.add(letters)

    with postgres.database() as target:
        copying.copy(database.url, target, lambda *_: None)
        engine = create_engine(postgresql.dialect(target))
        with engine.begin() as reading:
            rows = reading.execute(select(body).order_by(body.c.message_id)).all()
        engine.dispose()

    expected = [(each.id, each.content, None, None, None) for each in letters]
    assert [tuple(each) for each in rows] == sorted(expected)


def segments_of(database: Database) -> Segments:
    assert database.segments
    return database.segments
