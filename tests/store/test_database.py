"""The database file: its tables are those of the migrations, and its faults have names."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from letterhead.errors import Invalid, Misconfigured, StorageFull
from letterhead.mail.portal import Role
from letterhead.mail.secret import Secret
from letterhead.store import migrating
from letterhead.store.database import Database, kind_of
from letterhead.store.keys import KeyFile
from letterhead.store.store import Store
from letterhead.store.tables import Moment
from letterhead.store.vault import Vault
from tests.servers.postgresql import PostgreSQL
from tests.store.conftest import KEY, NOW


async def test_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    config = migrating.config(kind_of(database.url), database.url)

    await asyncio.to_thread(command.check, config)  # raises where they differ


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    await database.migrate()

    async with database.read() as reading:
        assert await reading.scalar(text("SELECT count(*) FROM alembic_version")) == 1


async def test_a_transaction_that_breaks_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.platform() as rows:
            await rows.add_portal("hart", "Hart & Co", NOW)
            _ = 1 / 0

    async with store.look_around() as rows:
        assert await rows.count_portals() == 0


async def test_a_slug_is_taken_once(store: Store) -> None:
    async with store.platform() as rows:
        await rows.add_portal("hart", "Hart & Co", NOW)

    with pytest.raises(Invalid, match="slug"):
        async with store.platform() as rows:
            await rows.add_portal("hart", "Another", NOW)


async def test_a_person_is_added_once(store: Store) -> None:
    async with store.platform() as rows:
        await rows.add_person("ops@desk.test", Role.OPERATOR, None, NOW)

    with pytest.raises(Invalid, match="email"):
        async with store.platform() as rows:
            await rows.add_person("ops@desk.test", Role.OPERATOR, None, NOW)


FULL = {
    "sqlite": (
        "PRAGMA max_page_count = 1",
        "CREATE TABLE more (id INTEGER, text TEXT)",
        "INSERT INTO more VALUES (1, zeroblob(10000000))",
    ),
    "postgresql": ("DO 'BEGIN RAISE disk_full; END'",),  # what its server says of a full disk
}


async def test_a_full_disk_has_a_name(database: Database) -> None:
    with pytest.raises(StorageFull):
        async with database.accept() as writing:
            for each in FULL[writing.dialect.name]:
                await writing.execute(text(each))


async def test_nothing_of_a_password_is_in_the_file(database: Database, store: Store) -> None:
    made = store.vault.seal(Secret("correct horse"), (1, "smtp.hart.test"))

    assert b"correct horse" not in made


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))])))
def test_a_moment_comes_back_as_it_was(at: datetime) -> None:
    column = Moment()

    kept = column.process_bind_param(at, None)  # type: ignore[arg-type] # needs no dialect
    back = column.process_result_value(kept, None)  # type: ignore[arg-type]

    assert back == at


def test_a_moment_without_a_time_zone_is_refused() -> None:
    naive = datetime(2026, 3, 1)  # noqa: DTZ001 - that is the point

    with pytest.raises((TypeError, ValueError)):
        Moment().process_bind_param(naive, None)  # type: ignore[arg-type] # needs no dialect


def test_the_key_of_the_data_folder_is_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "secret.key")
    file.make()
    first = file()
    file.make()

    assert len(first) == 1
    assert file() == first
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_an_older_key_still_opens_and_a_strange_one_does_not() -> None:
    newer = Secret("OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=")
    sealed = Vault(lambda: [KEY]).seal(Secret("a secret"), ("here",))

    assert Vault(lambda: [newer, KEY]).open(sealed, ("here",)) == Secret("a secret")
    assert Vault(lambda: [newer]).open(sealed, ("here",)) is None
    assert Vault(lambda: [KEY]).open(sealed[:-1] + b"x", ("here",)) is None
    assert Vault(lambda: [KEY]).open(b"", ("here",)) is None


@pytest.mark.parametrize("key", ["", "short", "x" * 44, "a" * 43])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Misconfigured):
        Vault(lambda: [Secret(key)])


@pytest.mark.parametrize("server_s_default", ["on", "off"])
async def test_what_is_accepted_waits_for_postgresql_s_disk_whatever_its_default_is(
    postgres: PostgreSQL, server_s_default: str
) -> None:
    made = Database(f"{postgres.url('migrated')}?options=-csynchronous_commit%3D{server_s_default}")
    asked = text("SHOW synchronous_commit")

    async with made.accept() as accepting, made.settle() as settling, made.read() as reading:
        found = [await each.scalar(asked) for each in (accepting, settling, reading)]
        level = await reading.scalar(text("SHOW transaction_isolation"))
    found.append(await made.accepting(lambda connection: connection.scalar(asked)))
    await made.close()

    assert found == ["on", "off", server_s_default, "on"]
    assert level == "repeatable read"


STANDS_STILL = """
import asyncio, os, signal, sys, time
from sqlalchemy import text
from letterhead.store.database import Database

def work(connection):
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
    print("locked", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(60)  # the other threads stop a moment later

asyncio.run(Database(sys.argv[1]).settling(work))
"""


@pytest.fixture
def locked(postgres: PostgreSQL) -> Iterator[str]:
    """The URL of a database in which a process that stands still has locked a row."""
    url = postgres.made("migrated")
    words = [sys.executable, "-c", STANDS_STILL, url]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as still:
        assert still.stdout
        assert still.stdout.readline() == b"locked\n"
        yield url
        still.kill()


async def test_a_process_that_stands_still_does_not_keep_its_locks(locked: str) -> None:
    database = Database(locked)
    same = text("UPDATE alembic_version SET version_num = version_num")
    changed = await database.settling(lambda connection: connection.execute(same).rowcount)
    await database.close()

    assert changed == 1
