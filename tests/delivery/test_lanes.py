"""Lanes in one process: each once at a time, none forgotten, none in another's way."""

import asyncio
from collections.abc import Awaitable, Callable

from letterhead.delivery.lanes import Lanes
from letterhead.mail.letter import Lane, LaneKey

HART, ORLA = (1, Lane.LIVE), (2, Lane.LIVE)

Work = Callable[[LaneKey], Awaitable[bool]]


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():  # noqa: ASYNC110 - a test's patience
            await asyncio.sleep(0.001)


async def running(lanes: Lanes, drain: Work, done: Callable[[], bool], *, at_once: int = 9) -> None:
    task = asyncio.create_task(lanes.run(drain, at_once=at_once))
    await until(done)
    await lanes.idle(5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_lane_that_is_woken_often_waits_once() -> None:
    lanes, seen = Lanes(), list[LaneKey]()

    async def drain(lane: LaneKey) -> bool:
        seen.append(lane)
        return False

    for _ in range(100):
        lanes.wake(HART)
    lanes.wake(ORLA)
    await running(lanes, drain, lambda: ORLA in seen)

    assert seen == [HART, ORLA]


async def test_a_wake_during_the_work_leads_to_one_more_look() -> None:
    lanes, seen = Lanes(), list[LaneKey]()

    async def drain(lane: LaneKey) -> bool:
        seen.append(lane)
        if len(seen) == 1:
            for _ in range(3):
                lanes.wake(lane)
        return False

    lanes.wake(HART)
    await running(lanes, drain, lambda: len(seen) == 2)

    assert seen == [HART, HART]


async def test_who_has_more_to_do_goes_to_the_end_of_the_line() -> None:
    lanes, seen = Lanes(), list[LaneKey]()

    async def drain(lane: LaneKey) -> bool:
        seen.append(lane)
        return lane == HART and len(seen) < 5

    lanes.wake(HART)
    lanes.wake(ORLA)
    await running(lanes, drain, lambda: len(seen) >= 5, at_once=1)

    assert seen == [HART, ORLA, HART, HART, HART]


async def test_a_lane_is_worked_on_once_at_a_time() -> None:
    lanes, at_work, most = Lanes(), 0, 0

    async def drain(lane: LaneKey) -> bool:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        lanes.wake(lane)
        await asyncio.sleep(0.001)
        at_work -= 1
        return True

    lanes.wake(HART)
    task = asyncio.create_task(lanes.run(drain))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert most == 1


async def test_a_fault_on_one_lane_does_not_stop_the_others() -> None:
    lanes, seen = Lanes(), list[LaneKey]()

    async def drain(lane: LaneKey) -> bool:
        if lane == HART:
            raise ZeroDivisionError
        seen.append(lane)
        return False

    lanes.wake(HART)
    lanes.wake(ORLA)
    await running(lanes, drain, lambda: bool(seen))

    assert seen == [ORLA]


async def test_a_slow_lane_does_not_hold_the_others_up() -> None:
    lanes, seen, slow = Lanes(), list[LaneKey](), asyncio.Event()

    async def drain(lane: LaneKey) -> bool:
        if lane == HART:
            await slow.wait()
        seen.append(lane)
        return False

    lanes.wake(HART)
    lanes.wake(ORLA)
    task = asyncio.create_task(lanes.run(drain))
    await until(lambda: ORLA in seen)
    slow.set()
    await lanes.idle(5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert seen == [ORLA, HART]


async def test_a_lane_is_kept_for_who_brings_mail_if_nobody_works_on_it() -> None:
    lanes, seen, slow = Lanes(), list[LaneKey](), asyncio.Event()

    async def drain(lane: LaneKey) -> bool:
        seen.append(lane)
        return False

    async def brought(lane: LaneKey) -> bool:
        await slow.wait()
        return False

    assert not await lanes.reserve(HART)  # nobody is there yet
    task = asyncio.create_task(lanes.run(drain, at_once=3))
    await asyncio.sleep(0)
    assert await lanes.reserve(HART)
    assert not await lanes.reserve(HART)
    lanes.begin(HART, brought)
    lanes.wake(HART)
    assert await lanes.reserve(ORLA)
    assert not await lanes.reserve((3, Lane.LIVE))  # one hand is kept for who waits in line
    lanes.let_go(ORLA)
    assert await lanes.reserve(ORLA)
    lanes.let_go(ORLA)
    assert seen == []
    slow.set()
    await until(lambda: bool(seen))
    await lanes.idle(5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert seen == [HART]  # woken while it was worked on
    assert not await lanes.reserve(HART)
