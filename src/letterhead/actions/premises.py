"""What operators look at: the platform's own route, and how the service is."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from letterhead.errors import LetterheadError
from letterhead.mail.letter import Trouble
from letterhead.mail.server import Server
from letterhead.mail.ses import SesRoute
from letterhead.store.queue import Waiting
from letterhead.store.store import Store
from letterhead.transports import capture
from letterhead.transports.capture import Captured

_MAILS = 20  # captured ones that are shown


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; what is not `ok` is a fault, or else a warning."""

    check: str
    state: str  # ok, warning, fault
    detail: str


Examine = Callable[[], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True, slots=True)
class Premises:
    """Where the service runs, and what it was set up with."""

    route: Server | SesRoute | None  # of the platform; None keeps mail in a folder
    folder: Path  # that folder
    data: Path
    works: Callable[[], bool]  # whether this process sends, or only others do
    swept: Callable[[], datetime | None]  # when what is due was last looked for here
    examine: Examine


@dataclass(frozen=True, slots=True)
class Platform:
    """How the platform's route stands."""

    trouble: Trouble | None
    reply: Any
    captured: Sequence[Captured]


@dataclass(frozen=True, slots=True)
class Health:
    """How the service is."""

    problems: Sequence[str]
    waiting: Waiting | None  # None where the database does not answer
    free: int  # bytes of the disk under the data
    size: int
    works: bool  # whether this process sends
    swept: datetime | None  # None where it does not, or has just begun


async def platform(store: Store, premises: Premises) -> Platform:
    """Look at the platform's route, and at the newest mails that it kept."""
    async with store.look_at_queue() as rows:
        trouble, reply = await rows.platform()
    newest = await capture.newest(premises.folder, _MAILS) if premises.route is None else ()
    return Platform(trouble, reply, newest)


async def health(store: Store, premises: Premises, now: datetime) -> Health:
    """Look at the service; where the database does not answer, that is what is wrong."""
    waiting: Waiting | None = None
    try:
        problems = await store.problems(now)
        async with store.look_at_queue() as rows:
            waiting = await rows.waiting(now)
    except LetterheadError as error:
        problems = [str(error)]
    disk = await asyncio.to_thread(shutil.disk_usage, premises.data)
    return Health(problems, waiting, disk.free, disk.total, premises.works(), premises.swept())
