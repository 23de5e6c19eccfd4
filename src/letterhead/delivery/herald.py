"""Tells a portal's people by the platform's route that their mail stopped, or flows again."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from letterhead.mail.letter import Lane, LaneKey, Letter
from letterhead.mail.news import News, notices
from letterhead.mail.notice import Press

log = structlog.get_logger(__name__)


class Desk(Protocol):
    """What telling needs of the store."""

    async def tell(
        self, write: Callable[[News, int], Sequence[Letter]], now: datetime
    ) -> Sequence[int]: ...


class Wakes(Protocol):
    """What telling needs of lanes."""

    def wake(self, lane: LaneKey) -> None: ...


class Herald:
    """Turns news into letters of class system."""

    def __init__(
        self, desk: Desk, lanes: Wakes, press: Press, clock: Callable[[], datetime]
    ) -> None:
        self._desk = desk
        self._lanes = lanes
        self._press = press
        self._clock = clock

    async def once(self) -> None:
        """Tell what is to be told."""
        for portal_id in await self._desk.tell(self._write, self._clock()):
            log.info("people told", portal=portal_id)
            self._lanes.wake((portal_id, Lane.SYSTEM))

    def _write(self, news: News, portal_id: int) -> Sequence[Letter]:
        now, platform = self._clock(), self._press.platform.name
        return [self._press.letter(each, portal_id, now) for each in notices(news, platform)]
