"""The lanes that workers on any number of machines share; loaded where there is PostgreSQL."""

from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial

from letterhead.delivery.pgqueuer import SharedLanes
from letterhead.mail.letter import LaneKey
from letterhead.store import postgresql
from letterhead.store.database import Database
from letterhead.store.jobs import Jobs
from letterhead.store.outbox import Outbox


def lanes(database: Database, clock: Callable[[], datetime]) -> SharedLanes:
    """Lanes as jobs of PgQueuer, beside the mail in the same database."""

    async def due(asked: Collection[LaneKey]) -> Collection[LaneKey]:
        return await Outbox(database).due_among(asked, clock())

    return SharedLanes(Jobs(database), due, partial(postgresql.listening, database.url))
