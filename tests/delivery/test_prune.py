"""Pruning goes on until nothing is left to forget, and leaves alone what is kept for ever."""

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from letterhead.delivery.prune import Kept, Prune
from letterhead.transports import capture

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


async def no_jobs(before: datetime) -> int:
    return 0


class History:
    """Three parts of bodies, and messages that nobody may ask to forget."""

    def __init__(self) -> None:
        self.asked: list[datetime] = []
        self.parts = [5, 5, 1, 0]

    async def forget_bodies(self, before: datetime) -> int:
        self.asked.append(before)
        return self.parts.pop(0)

    async def forget_messages(self, before: datetime) -> int:
        raise AssertionError("messages are kept for ever")

    async def forget_counts(self, before: datetime) -> int:
        return 0

    async def tidy(self, before: datetime) -> int:
        return 0

    async def add_up(self) -> bool:
        return bool(self.parts.pop(0))


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_it_goes_on_until_nothing_is_left(tmp_path: Path) -> None:
    history, kept = History(), Kept(bodies=7 * DAY, messages=None, captured=None)

    await Prune(history, partial(capture.forget, tmp_path), kept, lambda: NOW, jobs=no_jobs).once()

    assert history.asked == [NOW - 7 * DAY] * 4


async def test_it_adds_up_until_nothing_is_left(tmp_path: Path) -> None:
    history, kept = History(), Kept(bodies=None, messages=None, captured=None)

    await Prune(
        history, partial(capture.forget, tmp_path), kept, lambda: NOW, jobs=no_jobs
    ).add_up()

    assert history.parts == []


async def test_captured_mail_goes_by_its_age(tmp_path: Path) -> None:
    for name, age in (("old.eml", 40), ("new.eml", 2), ("other.txt", 40)):
        path = tmp_path / name
        path.write_text("")
        at = (NOW - age * DAY).timestamp()
        os.utime(path, (at, at))
    kept = Kept(bodies=None, messages=None, captured=30 * DAY)

    await Prune(
        History(), partial(capture.forget, tmp_path), kept, lambda: NOW, jobs=no_jobs
    ).once()

    assert names(tmp_path) == ["new.eml", "other.txt"]
