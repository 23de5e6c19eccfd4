"""The outbox: what waits, what is being sent under a lease, and what became of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Update, update
from sqlalchemy.engine import Connection

from letterhead import failpoints
from letterhead.mail.letter import Begun, Claim, Lane, LaneKey
from letterhead.mail.limits import Allowance
from letterhead.store import bodies, claims, due, handing, overdue, settling
from letterhead.store.claims import SENDING, Wanted
from letterhead.store.database import Database
from letterhead.store.fresh import Fresh
from letterhead.store.handing import Opening
from letterhead.store.tables import portal, recipient

_FEW = 32 * 1024  # octets of bodies that are read by the transaction that claims


class Outbox:
    """Claims under a lease, and settles many at once; fits `delivery.drain.Outbox`."""

    def __init__(self, database: Database, fresh: Fresh | None = None) -> None:
        self._database = database
        self._fresh = fresh or Fresh()

    async def claim(
        self,
        lane: LaneKey,
        lease: tuple[str, datetime],
        *,
        limit: int,
        now: datetime,
        under: Allowance | None = None,
    ) -> Sequence[Claim]:
        """
        Take what is due on a lane, oldest first, under a lease with its end.

        No more than the connection allows now: what is taken counts as sent, over all workers.
        """
        wanted = Wanted(lane=lane, lease=lease, limit=limit, under=under, now=now)
        return await self._database.settling(partial(claims.take, wanted=wanted))

    async def begin(self, opening: Opening) -> Begun | None:
        """
        Claim on a lane whose connection is well, with its route; see `handing.begin`.

        Where they are few, their bodies are read in the same go.
        """

        def work(writing: Connection) -> tuple[Begun | None, Mapping[str, bytes]]:
            begun = handing.begin(writing, opening)
            return begun, self._few(writing, begun.claims if begun else ())

        begun, contents = await self._database.settling(work)
        for message_id, content in contents.items():
            self._fresh.put(message_id, content)
        return begun

    async def contents(self, message_ids: Iterable[str]) -> Mapping[str, bytes]:
        """The bytes of messages, by message id; what is missing is left out."""
        wanted = list(message_ids)
        found = self._fresh.take(wanted)
        if len(found) == len(wanted):
            return found
        rest = [each for each in wanted if each not in found]
        return {
            **found,
            **await self._database.reading(partial(bodies.read, message_ids=rest)),
        }

    def _few(self, reading: Connection, taken: Sequence[Claim]) -> Mapping[str, bytes]:
        """The bodies of a few claims that are not in memory; none if they are many, or large."""
        if sum(each.size for each in taken) > _FEW:
            return {}
        ids = {each.message_id for each in taken if each.message_id not in self._fresh}
        return bodies.read(reading, list(ids)) if ids else {}

    async def settle(self, outcomes: Sequence[settling.Settled]) -> None:
        """Write outcomes down; one whose lease has gone to another worker changes no row."""
        await self._database.settling(partial(settling.settle, outcomes=outcomes))

    async def mark_dot(self, claim: Claim) -> bool:
        """
        Note on disk that the final dot comes next; False if the lease has gone.

        A database that crashed and had forgotten it would let the mail go twice.
        """
        query = (
            update(recipient)
            .where(recipient.c.id == claim.id, recipient.c.lease == claim.lease)
            .values(dot_sent=True)
        )
        return await self._database.accepting(partial(_change, query=query))

    async def renew(self, lease: str, until: datetime) -> bool:
        """Keep what is held under a lease for longer."""
        query = (
            update(recipient).where(SENDING, recipient.c.lease == lease).values(lease_until=until)
        )
        return await self._database.settling(partial(_change, query=query))

    async def lanes_due(self, now: datetime) -> Sequence[LaneKey]:
        """The lanes where mail is due, or a paused connection may be looked at by signing in."""
        return await self._database.reading(partial(due.lanes, now=now))

    async def due_among(self, lanes: Iterable[LaneKey], now: datetime) -> Sequence[LaneKey]:
        """On which of some lanes mail is due."""
        found: list[LaneKey] = []
        async with self._database.read() as reading:
            for lane in Lane:
                ids = [portal_id for portal_id, kind in lanes if kind is lane]
                query = due.portals(lane, now).where(portal.c.id.in_(ids))
                found += [(each, lane) for each in await reading.scalars(query)] if ids else []
        return found

    async def free(self, now: datetime, *, everything: bool = False) -> int:
        """
        Free what a dead worker left; `everything` at the start of the only worker.

        What had its final dot announced becomes `uncertain`, the rest waits again.
        """
        work = partial(overdue.free, now=now, everything=everything)
        if freed := await self._database.settling(work):
            failpoints.reach("freed")
        return freed

    async def hasten(self, now: datetime) -> int:
        """Let mail go now that was accepted while the clock was ahead, and not only then."""
        return await self._database.settling(partial(overdue.hasten, now=now))

    async def expire(self, now: datetime) -> int:
        """Give up what was tried for too long; the clock stands still where mail is held."""
        return await self._database.settling(partial(overdue.expire, now=now))


def _change(writing: Connection, query: Update) -> bool:
    return writing.execute(query).rowcount > 0
