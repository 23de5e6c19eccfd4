"""How a PostgreSQL server is set, and whether that suits several processes that keep promises."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from letterhead.store.database import Database
from letterhead.store.promises import CONNECTIONS, Promise

OLDEST = 13  # releases before are not maintained any more, and not tried by us
# Of a process at most: each promise has an engine for threads and one for tasks, two hear of jobs.
_EACH = 2 * len(Promise) * CONNECTIONS + 2
_NEAR, _FAR = timedelta(milliseconds=500), timedelta(seconds=3)

_ASKED = text(
    "SELECT current_setting('server_version_num')::int / 10000 AS version,"
    " current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int AS connections,"
    " current_setting('fsync') = 'on' AS flushes,"
    " current_setting('synchronous_commit') AS commits,"
    " extract(epoch FROM clock_timestamp())::float8 AS at"
)


@dataclass(frozen=True, slots=True)
class Server:
    """What a server said of itself."""

    version: int
    connections: int  # that ordinary users may have
    flushes: bool
    commits: str  # `synchronous_commit`
    ahead: timedelta  # its clock, of ours

    @property
    def processes(self) -> int:
        """How many of ours it has connections for, at their busiest."""
        return self.connections // _EACH


async def asked(database: Database, clock: Callable[[], datetime]) -> Server:
    """Ask the server."""
    async with database.read() as reading:
        before = clock()
        row = (await reading.execute(_ASKED)).one()
        after = clock()
    middle = before + (after - before) / 2
    ahead = datetime.fromtimestamp(row.at, before.tzinfo) - middle
    return Server(row.version, row.connections, row.flushes, row.commits, ahead)


def faults(found: Server) -> list[str]:
    """What breaks a promise."""
    says = {
        "fsync is off: what was accepted is lost with the power.": not found.flushes,
        f"PostgreSQL {found.version} is too old: {OLDEST} or newer.": found.version < OLDEST,
        "The clocks of the database and of this machine are"
        f" {_seconds(found)} apart: leases would end too early.": abs(found.ahead) > _FAR,
    }
    return [sentence for sentence, is_so in says.items() if is_so]


def warnings(found: Server) -> list[str]:
    """What is worth a look."""
    says = {
        f"max_connections leaves {found.connections}, and a process may need"
        f" {_EACH}.": found.processes < 1,
        "synchronous_commit is off; accepting switches it on for itself.": found.commits == "off",
        f"The clocks of the database and of this machine are {_seconds(found)} apart.": _NEAR
        < abs(found.ahead)
        <= _FAR,
    }
    return [sentence for sentence, is_so in says.items() if is_so]


def _seconds(found: Server) -> str:
    return f"{abs(found.ahead).total_seconds():.1f} seconds"
