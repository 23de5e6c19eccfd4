"""How connections stand: which has carried mail, which failed, and which is well again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from letterhead.mail import faults
from letterhead.mail.letter import Route, Trouble
from letterhead.mail.outcome import Stuck
from letterhead.transports.base import Transport

log = structlog.get_logger(__name__)


class Connections(Protocol):
    """Where it is written down."""

    async def failed(self, route: Route, stuck: Stuck, now: datetime) -> Trouble: ...

    async def recovered(self, route: Route, now: datetime) -> None: ...


class Ways(Protocol):
    """Finds the way out for a route."""

    async def of(self, route: Route) -> Transport: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What work on lanes learns of their connections, each with the version of its settings."""

    connections: Connections
    ways: Ways
    clock: Callable[[], datetime]
    _proven: set[tuple[int, int]] = field(default_factory=set)

    def is_proven(self, route: Route) -> bool:
        """Whether it has carried mail of this process, and not failed since."""
        return (route.connection_id, route.version) in self._proven

    def carried(self, route: Route) -> None:
        """Note that it has carried a mail."""
        self._proven.add((route.connection_id, route.version))

    async def conclude(self, route: Route, stuck: Stuck | None) -> bool:
        """Write down what a burst came to, if that is new; whether the connection carried."""
        if stuck:
            self._proven.discard((route.connection_id, route.version))
            trouble = await self.connections.failed(route, stuck, self.clock())
            fields = {"fault": trouble.fault, "paused": trouble.paused}
            log.warning("connection failed", connection=route.connection_id, **fields)
        elif route.trouble:
            await self.connections.recovered(route, self.clock())
            log.info("connection recovered", connection=route.connection_id)
        return stuck is None

    async def probe(self, route: Route) -> None:
        """Look whether a paused connection works again, where no mail waits that would tell."""
        trouble = route.trouble
        if trouble is None or not trouble.paused or not faults.shows_at_sign_in(trouble.fault):
            return
        way = await self.ways.of(route)
        answer = await way.probe()
        fault = faults.of(answer, provider=route.provider) if answer else None
        await self.conclude(route, Stuck(answer, fault) if answer and fault else None)
