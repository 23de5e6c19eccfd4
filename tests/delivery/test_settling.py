"""Outcomes are kept until they are written down, whatever the store says."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from letterhead.delivery.settling import Settled, Settler
from letterhead.errors import Unavailable
from letterhead.mail.letter import Claim, Lane
from letterhead.mail.outcome import Returned

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def claim(number: int) -> Claim:
    return Claim(
        lane=(7, Lane.LIVE),
        suppressed=False,
        id=f"{number}",
        message_id="m",
        email="anna@client.test",
        attempts=1,
        resend=True,
        lease="lease",
        lease_until=NOW,
        size=1,
        from_name=None,
        reply_to=(),
        header_id="<m@hart.test>",
    )


class Book:
    """A ledger in memory, which may refuse for a while."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.groups: list[list[str]] = []
        self._refusals = refusals

    async def settle(self, outcomes: Sequence[Settled]) -> None:
        await asyncio.sleep(0.001)
        if self._refusals:
            self._refusals -= 1
            raise Unavailable("The database cannot be written to at the moment.")
        self.groups.append([each.id for each, _, _ in outcomes])


async def settled(book: Book, count: int) -> Settler:
    settler = Settler(book)
    task = asyncio.create_task(settler.run())
    async with asyncio.timeout(10):
        await asyncio.gather(*(settler.add(claim(at), Returned(), NOW) for at in range(count)))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return settler


async def test_what_comes_together_is_written_together_and_in_order() -> None:
    book = Book()

    settler = await settled(book, 1200)

    assert [each for group in book.groups for each in group] == [f"{at}" for at in range(1200)]
    assert len(book.groups) <= 4
    assert settler.counts == {"returned": 1200}


async def test_an_outcome_is_never_dropped() -> None:
    book = Book(refusals=2)

    await settled(book, 3)

    assert book.groups == [["0", "1", "2"]]
