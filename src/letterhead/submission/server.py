"""Listening, and what all sessions share."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping

from letterhead.actions.office import Office
from letterhead.submission.certificate import Identity
from letterhead.submission.content import Room
from letterhead.submission.limits import Limits, network
from letterhead.submission.reception import Reception
from letterhead.submission.session import Session

# Takes connections for ever, and brings them to the server.
Door = Callable[["Server"], Coroutine[object, object, None]]


class Server:
    """
    Programs that speak SMTP come in here.

    `run` owns every task and ends when `stop` was called and every session has ended, or after
    its grace. `name` is ours in greeting and EHLO.
    """

    def __init__(
        self, office: Office, identity: Identity, name: str, limits: Limits | None = None
    ) -> None:
        self.name = name
        self.limits = limits or Limits()
        self.identity = identity
        self.room = Room()
        self.reception = Reception(office)
        self._sessions: set[Session] = set()
        self._of_address: Counter[str] = Counter()
        self._stopping = asyncio.Event()
        self._empty = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """What came since the start, by what became of it."""
        return self.reception.counts

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    def enter(self, address: str, *, implicit: bool) -> Session | None:
        """A session for one connection, under TLS from the first byte or not; None: too many."""
        who = network(address)
        if (
            self._stopping.is_set()
            or len(self._sessions) >= self.limits.connections
            or self._of_address[who] >= self.limits.connections_of_address
        ):
            return None
        session = Session(self, who, implicit=implicit)
        self._sessions.add(session)
        self._of_address[who] += 1
        return session

    async def run(self, doors: Iterable[Door], *, grace: float) -> None:
        """Serve until `stop`; then messages that are on their way in get so many seconds."""
        async with asyncio.TaskGroup() as self._tasks:
            taking = [self._tasks.create_task(take(self)) for take in doors]
            await self._stopping.wait()
            for each in taking:
                each.cancel()
            for session in [*self._sessions]:
                session.close()
            await self._end(grace)

    def stop(self) -> None:
        self._stopping.set()

    # What doors and sessions need

    def leave(self, session: Session) -> None:
        if session not in self._sessions:
            return
        self._sessions.discard(session)
        self._of_address[session.address] -= 1
        if not self._of_address[session.address]:
            del self._of_address[session.address]
        if not self._sessions:
            self._empty.set()

    def begin(self, work: Coroutine[object, object, None]) -> None:
        assert self._tasks is not None  # noqa: S101 - nobody enters before `run`
        self._tasks.create_task(work)

    async def _end(self, grace: float) -> None:
        try:
            async with asyncio.timeout(grace):
                while self._sessions:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            for session in [*self._sessions]:
                session.abort()
