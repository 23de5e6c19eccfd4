"""Every reply of the catalogue, said by a server at its stage: what becomes of the mail."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from letterhead.mail import faults
from letterhead.mail.faults import Fault, Repair
from letterhead.mail.letter import Lane
from letterhead.mail.message import MessageClass
from letterhead.mail.proof import Proof
from letterhead.mail.reply import Stage
from letterhead.store.database import Database
from tests.examples import EXAMPLES, Example
from tests.servers.scripted import Scripted
from tests.store.conftest import NOW
from tests.transports.conftest import MakeWay
from tests.transports.office import Left, Office, opened

STEPS = {
    Stage.CONNECT: "greeting",
    Stage.ENCRYPT: "STARTTLS",
    Stage.SIGN_IN: "AUTH",
    Stage.SENDER: "MAIL",
    Stage.RECIPIENT: "RCPT",
    Stage.MESSAGE: "dot",
}


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with nothing in it, made once."""
    path = tmp_path_factory.mktemp("migrated") / "letterhead.db"

    async def make() -> None:
        database = Database(f"sqlite:///{path}")
        await database.migrate()
        await database.close()

    asyncio.run(make())
    return path


@pytest.fixture
async def office(
    example: Example, server: Scripted, way: MakeWay, migrated: Path, tmp_path: Path
) -> AsyncIterator[Office]:
    """A portal whose server gives the example at its stage, and takes nothing afterwards."""
    server.answers |= {"DATA": b"503 5.5.1 No\r\n"} if example.stage is not Stage.MESSAGE else {}
    server.answers[STEPS[example.stage]] = example.octets
    database = Database(f"sqlite:///{shutil.copy(migrated, tmp_path)}")
    yield await opened(database, way(), provider=example.provider or "other")
    await database.close()


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
async def test_what_becomes_of_mail(example: Example, office: Office, server: Scripted) -> None:
    fault = example.row.fault
    letter = await office.keep(2, MessageClass.BUSINESS)

    await office.drain(Lane.LIVE)
    left = await office.left(letter)

    assert server.taken == []
    if fault.of_connection:
        _the_connection_waits(left, fault)
        assert server.connections == 1  # the second mail did not meet the same
    else:
        assert left.trouble is None
        assert left.fault == [fault.code] * 2
        assert [each["code"] for each in left.reply] == [example.reply.code] * 2
        _each_recipient_has_its_own_fate(left, fault)


def _the_connection_waits(left: Left, fault: Fault) -> None:
    """Nothing happened to the mail; the connection is paused, or tried again by itself."""
    assert left.status == ["queued"] * 2
    assert (left.attempts, left.due) == ([0, 0], [NOW, NOW])
    assert left.trouble is not None
    assert left.trouble.fault == fault.code
    assert left.trouble.paused is (fault.retry is Repair.FIX)
    wait = left.trouble.due - NOW
    match fault.retry:
        case Repair.FIX:
            assert wait == max(timedelta(minutes=5), fault.hold)
        case Repair.WINDOW:
            assert wait == fault.hold
        case _:
            shortest = max(timedelta(seconds=15), fault.hold)
            assert shortest <= wait <= (2 * shortest if fault.scatter else shortest)


def _each_recipient_has_its_own_fate(left: Left, fault: Fault) -> None:
    if fault.retry is Repair.NO:
        assert left.status == ["failed"] * 2
        return
    assert left.status == ["queued"] * 2
    assert left.attempts == [1, 1]
    for due in left.due:
        wait = due - NOW
        assert max(timedelta(minutes=1), fault.hold) <= wait
        assert wait <= max(timedelta(minutes=1.2), fault.hold)


SAID_BY_OTHERS_TOO = [each for each in EXAMPLES if faults.of(each.reply).code != each.code]


@pytest.mark.parametrize("example", SAID_BY_OTHERS_TOO, ids=str)
async def test_a_test_mail_is_told_what_its_provider_means(
    example: Example, office: Office
) -> None:
    letter = await office.keep(1, MessageClass.TEST)
    begun = Proof(message_id=letter.id, recipient="x@hart.test", sent_at=NOW, code_digest="x")
    async with office.store.portal(office.portal) as desk:
        await desk.proofs.begin(1, begun)

    await office.drain(Lane.TEST)

    async with office.store.look(office.portal) as desk:
        found = await desk.proofs.of(1)
        trouble = await desk.connection.trouble()
    assert found is not None
    assert (found.accepted, found.fault, found.reply) == (False, example.code, example.reply.row)
    assert trouble is None
