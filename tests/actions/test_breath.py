"""Long work on the event loop lets others have their turn."""

import asyncio

from letterhead.actions.breath import in_turns


async def test_whoever_waits_is_served_in_between() -> None:
    last = total = 0
    seen: list[int] = []

    async def other() -> None:
        while last < 100:
            seen.append(last)
            await asyncio.sleep(0)

    waiting = asyncio.create_task(other())
    async for last in in_turns(range(1, 101)):
        total += last
    await waiting

    assert total == 5050
    assert seen == [25, 50, 75]
