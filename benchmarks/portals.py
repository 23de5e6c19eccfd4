"""
Many portals with little mail each: how fast all of it leaves, over how many sessions.

    make bench-portals                           10,000 portals with one, 500 with 20 messages each
    python -m benchmarks.portals --portals 1000 --messages 1

The messages are in the outbox before the service starts. The first ones go by the platform's way
out, which has 20 connections; in the second case each portal has a mail server of its own settings.
"""

import argparse
import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks import processes
from benchmarks.peer import CONNECTIONS, SIZE
from benchmarks.peers import message as drafted
from benchmarks.peers import wait
from letterhead.actions.messages import Intake, Request
from letterhead.demo import certificate
from letterhead.demo.stand import LOGIN, end, start_service, start_upstream
from letterhead.mail.address import Mailbox
from letterhead.mail.message import Message
from letterhead.mail.portal import Ids, Portal
from letterhead.mail.secret import Secret
from letterhead.mail.sender import Platform
from letterhead.mail.settings import SmtpSettings
from letterhead.operating import now
from letterhead.store.committer import Committer
from letterhead.store.database import Database
from letterhead.store.keys import new_key
from letterhead.store.store import Store
from letterhead.store.vault import Vault

_PATIENCE = 600.0  # seconds
_AT_ONCE = 100  # portals that are written in one go

console = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Load:
    """How many portals, with how many messages each, and whether each has a server of its own."""

    portals: int
    messages: int
    own: bool

    @property
    def count(self) -> int:
        return self.portals * self.messages

    def __str__(self) -> str:
        way = "each with a server of its own" if self.own else "by the platform's way out"
        return f"{self.portals:,} portals, messages each: {self.messages}, {way}"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to."""

    per_second: float  # from the first arrival to the last
    seconds: float  # from the start of the service to the last arrival
    sessions: int
    memory_mb: float
    arrived: int


class Installation:
    """A folder with a database that is filled before the service starts."""

    def __init__(self, folder: Path, port: int, files: certificate.Files, password: str) -> None:
        self._port, self._password = port, password
        key = new_key()
        (folder / "data").mkdir()
        self.url = f"sqlite:///{folder / 'data'}/letterhead.db"
        login = LOGIN.replace("@", "%40")
        self.settings = {
            "LETTERHEAD_DATA_DIR": str(folder / "data"),
            "LETTERHEAD_DATABASE_URL": self.url,
            "LETTERHEAD_LISTEN": "127.0.0.1:0",
            "LETTERHEAD_SECRET_KEYS": key.reveal(),
            "LETTERHEAD_ALLOW_DESTINATIONS": f"127.0.0.0/8:{port}",
            "LETTERHEAD_CA_FILE": str(files.authority),
            "LETTERHEAD_DEFAULT_ROUTE": f"smtp://{login}:{password}@localhost:{port}"
            f"?connections={CONNECTIONS}",
        }
        self._vault = Vault(lambda: [key])

    async def fill(self, load: Load) -> None:
        """Write portals, settings and messages."""
        database = Database(self.url)
        await database.migrate()
        store, committer = Store(database, self._vault), Committer(database)
        intake = Intake(committer, Ids(), Platform("localhost", "x@hart.example"))
        async with committer.at_work():
            for start in range(0, load.portals, _AT_ONCE):
                numbers = range(start, min(start + _AT_ONCE, load.portals))
                portals = await self._add(store, numbers, own=load.own)
                requests = [Request(_message(at)) for at in range(load.messages)]
                at = now()
                async with asyncio.TaskGroup() as tasks:
                    for each in portals:
                        tasks.create_task(intake.accept(each, requests, at))
        await database.close()

    async def _add(self, store: Store, numbers: Sequence[int], *, own: bool) -> list[Portal]:
        at = now()
        async with store.platform() as rows:
            added = [await rows.add_portal(f"portal-{each}", "Hart & Co", at) for each in numbers]
        draft = SmtpSettings(
            server="localhost",
            port=self._port,
            login=LOGIN,
            password_set=True,
            from_address="office@hart.example",
        )
        for each in added if own else []:
            async with store.portal(each) as desk:
                version = await desk.settings.save(draft, Secret(self._password), at)
                await desk.settings.go_live(version, at)
        return added


def _message(number: int) -> Message:
    found = drafted(number, SIZE)
    return Message(
        to=(Mailbox(f"client{number}@client.example"),),
        subject=str(found["subject"]),
        text=str(found["text"]),
    )


def measure(load: Load) -> Run:
    with TemporaryDirectory(prefix="letterhead-portals-") as name, ExitStack() as ends:
        folder = Path(name)
        files = certificate.made(folder, "localhost")
        password = secrets.token_urlsafe(12)
        (folder / "mailbox").mkdir()
        journal = folder / "journal"
        journal.touch()
        upstream, port = start_upstream(folder, files, password)
        ends.callback(end, upstream)
        installation = Installation(folder, port, files, password)
        asyncio.run(installation.fill(load))
        began = time.time()
        service, _ = start_service(installation.settings, folder / "log")
        ends.callback(end, service)
        with processes.watched([service.pid]) as most:
            wait(_PATIENCE, lambda: journal.read_bytes().count(b"\n") >= load.count)
        times = sorted(float(line.rpartition(" ")[2]) for line in journal.read_text().splitlines())
        upstream.terminate()
        assert upstream.stdout
        sessions = int(json.loads(upstream.stdout.readline())["sessions"])
        rate = (len(times) - 1) / (times[-1] - times[0])
        return Run(rate, times[-1] - began, sessions, most[0], len(times))


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description="Many portals with little mail each.")
    parser.add_argument("--portals", type=int)
    parser.add_argument("--messages", type=int, default=1)
    parser.add_argument("--own", action="store_true", help="each with a server of its own settings")
    asked = parser.parse_args()
    loads = [Load(10_000, 1, own=False), Load(500, 20, own=True)]
    if asked.portals:
        loads = [Load(asked.portals, asked.messages, own=asked.own)]
    table = Table("what", "messages/s", "start to last, s", "sessions", "memory, MB", "arrived")
    for load in loads:
        console.print(f"{load} ...")
        run = measure(load)
        row = (f"{run.per_second:,.0f}", f"{run.seconds:.1f}", f"{run.sessions:,}")
        table.add_row(str(load), *row, f"{run.memory_mb:.0f}", f"{run.arrived:,}")
    console.print(table)


if __name__ == "__main__":
    main()
