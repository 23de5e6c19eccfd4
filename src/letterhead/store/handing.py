"""Mail that is claimed by the transaction that keeps it: where hands are free, nobody seeks it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from letterhead.mail.letter import Begun, Lane, LaneKey, Letter, Route
from letterhead.mail.limits import Allowance
from letterhead.store import claims, connections
from letterhead.store.database import Database
from letterhead.store.together import Work

log = structlog.get_logger(__name__)

_FEW = 25  # claims at most: whoever handed the mail in waits for them; the burst claims the rest

T = TypeVar("T")


class Opening(Protocol):
    """What a worker offers a lane: to send some of its mail now, under a lease."""

    @property
    def lane(self) -> LaneKey: ...

    @property
    def now(self) -> datetime: ...

    @property
    def lease(self) -> tuple[str, datetime]: ...

    def allowance(self, route: Route) -> Allowance: ...

    def batch(self, route: Route) -> int: ...


class Kept(Opening, Protocol):
    """A lane that is kept for mail on its way to the disk, until it begins or is let go."""

    def begin(self, begun: Begun) -> None: ...

    def let_go(self) -> None: ...


class Hands(Protocol):
    """Who sends: in this process, or in others."""

    async def open(self, lane: LaneKey) -> Kept | None:
        """Keep a lane; None if somebody works on it, or nobody can at the moment."""

    def wake(self, lane: LaneKey) -> None:
        """Say that there may be something to do on a lane."""


class Elsewhere:
    """Hands that look into the database themselves, when they are told or by and by."""

    def __init__(self, wake: Callable[[LaneKey], None] = lambda _: None) -> None:
        self.wake = wake

    async def open(self, _: LaneKey, /) -> None:
        """There are none here."""


class Handing:
    """The lanes of some letters, of which as many as possible begin when the letters are kept."""

    def __init__(self, hands: Hands, letters: Iterable[Letter]) -> None:
        self._hands = hands
        self._lanes = {(each.portal_id, each.lane) for each in letters}
        self._begun: Sequence[tuple[Kept, Begun | None]] = ()

    async def keep(self, database: Database, keep: Work[T]) -> T:
        """Do `keep` and claim, on disk when it returns; where that fails nothing is begun."""
        openings = await self._open()

        def work(writing: Connection) -> T:
            kept = keep(writing)
            self._begun = [(each, _claimed(writing, each)) for each in openings]
            return kept

        try:
            return await database.accepting(work)
        except BaseException:
            for each in openings:
                each.let_go()
            raise

    def begin(self) -> None:
        """Begin what was claimed, and wake all other lanes."""
        for opening, begun in self._begun:
            if begun and begun.claims:
                self._lanes.discard(opening.lane)
                opening.begin(begun)
            else:
                opening.let_go()
        for lane in self._lanes:
            self._hands.wake(lane)

    async def _open(self) -> Sequence[Kept]:
        found = [await self._hands.open(each) for each in self._lanes if each[1] is not Lane.TEST]
        return [each for each in found if each]


def begin(writing: Connection, opening: Opening, most: int | None = None) -> Begun | None:
    """
    Claim what may be sent at once, of a lane whose connection is well; `most` of it at most.

    None if the portal is gone, or the connection in trouble.
    """
    route = connections.route(writing, opening.lane, opening.now)
    if route is None or route.trouble:
        return None
    batch = opening.batch(route)
    wanted = claims.Wanted(
        lane=opening.lane,
        lease=opening.lease,
        limit=min(most or batch, batch),
        under=opening.allowance(route),
        now=opening.now,
    )
    taken = claims.take(writing, wanted)
    return Begun(route, taken, is_all=len(taken) < wanted.limit)


def _claimed(writing: Connection, opening: Opening) -> Begun | None:
    """A few claims; a fault of ours here must not keep mail from being accepted."""
    try:
        return begin(writing, opening, _FEW)
    except SQLAlchemyError:
        raise
    except Exception:
        log.exception("mail was not handed over", portal=opening.lane[0])
        return None
