"""Submissions that come at the same time share a flush, and nobody waits long for others."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import cast

import pytest

from letterhead.mail.letter import Receipt
from letterhead.mail.portal import Portal
from letterhead.store.committer import Committer
from letterhead.store.database import Database
from letterhead.store.together import Work
from tests.store.conftest import MakeLetter


class Counted:
    """A database that counts transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.segments = None
        self.transactions = 0

    async def accepting(self, work: Work[object]) -> object:
        self.transactions += 1
        return await self._database.accepting(work)


@pytest.fixture
def counted(database: Database) -> Counted:
    return Counted(database)


@pytest.fixture
async def committer(counted: Counted, portal: Portal) -> AsyncIterator[Committer]:
    made = Committer(cast("Database", counted))
    async with made.at_work():
        yield made


async def test_clients_that_come_again_and_again_share_their_flushes(
    committer: Committer, counted: Counted, letter: MakeLetter
) -> None:
    async def client(rounds: int) -> None:
        for _ in range(10):
            for _ in range(rounds):  # each is a little slower than the one before
                await asyncio.sleep(0)
            assert isinstance((await committer.add([letter()]))[0], Receipt)

    await asyncio.gather(*(client(at) for at in range(8)))

    assert committer.accepted == 80
    assert counted.transactions <= 15  # without a wait for each other it is 20


async def test_nobody_waits_for_those_who_have_gone(
    committer: Committer, counted: Counted, letter: MakeLetter
) -> None:
    await asyncio.gather(*(committer.add([letter()]) for _ in range(8)))
    before = counted.transactions

    for _ in range(3):
        async with asyncio.timeout(5):
            await committer.add([letter()])

    assert counted.transactions - before == 3


async def test_mail_that_is_on_disk_is_not_held_in_memory(
    committer: Committer, letter: MakeLetter
) -> None:
    content = b"Subject: An invoice\r\n\r\n" + bytes(1000)
    held = sys.getrefcount(content)

    await committer.add([letter(content=content)])
    await asyncio.sleep(0.01)  # the next group is waited for

    assert sys.getrefcount(content) == held


@pytest.mark.parametrize(("each", "transactions"), [(200, 1), (300, 2)])
async def test_outcomes_do_not_wait_for_many_letters_of_several_submissions(
    committer: Committer, counted: Counted, letter: MakeLetter, *, each: int, transactions: int
) -> None:
    batches = [[letter() for _ in range(each)] for _ in range(2)]

    kept = await asyncio.gather(*map(committer.add, batches))

    assert [len(part) for part in kept] == [each, each]
    assert counted.transactions == transactions
