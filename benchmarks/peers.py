"""Who is measured: Letterhead in its forms, and programs that people use instead."""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
from tests.servers import postgresql

from benchmarks.peer import CACHE, CONFIGURATION, CONNECTIONS, SIZE, Running, Upstream, brought
from benchmarks.servers import EXIM, HARAKA, OPENSMTPD, Postfix, Server
from letterhead.demo.stand import LOGIN, end, start_process, start_service
from letterhead.store.database import Database

BATCH = 500
BATCH_OCTETS = 2_500_000
_JSON = {"Content-Type": "application/json"}
REQUESTS = 4  # at a time: a client that waits for each answer keeps nobody busy


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Ourselves: everything in one process on SQLite, or several on PostgreSQL."""

    name: str
    workers: int = 0  # on PostgreSQL, beside one `web`; none: `serve` on SQLite
    window: int = 1  # messages under way at once over each connection
    connections: int = CONNECTIONS
    portals: int = 1  # that share the mail; each is a lane
    waits: bool = False  # its workers begin when they are told to
    settings: dict[str, str] = field(default_factory=dict)
    durable = True

    def missing(self) -> str:
        """What the machine lacks for it."""
        return ""

    @contextmanager
    def running(self, folder: Path, upstream: Upstream) -> Iterator[Running]:
        key = secrets.token_urlsafe(24)
        route = f"connections={self.connections}&window={self.window}"
        settings = {**_settings(folder, upstream, key, route), **self.settings}
        with ExitStack() as ends:
            pids = []
            if self.workers:
                settings["LETTERHEAD_DATABASE_URL"], pid = ends.enter_context(_postgresql(folder))
                pids.append(pid)
            else:
                asyncio.run(_migrate(_sqlite(folder)))  # as before every start but the first
            command = "web" if self.workers else "serve"
            process, address = start_service(settings, folder / "log", command)
            ends.callback(end, process)
            pids.append(process.pid)

            def begin() -> None:
                for number in range(self.workers):
                    worker = start_process(["work"], settings, folder / f"log-{number}")
                    ends.callback(end, worker)
                    pids.append(worker.pid)

            if not self.waits:
                begin()
            slugs = ["hart", *(f"hart-{at}" for at in range(1, self.portals))]
            http = _client(address, key, slugs)
            ends.callback(http.close)
            yield Running(pids, partial(_batches, http, slugs), http, begin)


def _settings(folder: Path, upstream: Upstream, key: str, options: str) -> dict[str, str]:
    login = LOGIN.replace("@", "%40")
    route = f"smtp://{login}:{upstream.password}@localhost:{upstream.port}"
    return {
        "LETTERHEAD_DATA_DIR": str(folder / "data"),
        "LETTERHEAD_LISTEN": "127.0.0.1:0",
        "LETTERHEAD_DEFAULT_ROUTE": f"{route}?{options}",
        "LETTERHEAD_CA_FILE": str(upstream.files.authority),
        "LETTERHEAD_BOOTSTRAP_PLATFORM_KEY": key,
    }


def _client(address: str, key: str, slugs: Sequence[str]) -> httpx.Client:
    http = httpx.Client(
        base_url=f"{address}/v1", headers={"Authorization": f"Bearer {key}"}, timeout=120
    )
    for slug in (*slugs, "orla"):
        http.post("/portals", json={"slug": slug, "name": "Hart & Co"}).raise_for_status()
    return http


@contextmanager
def _postgresql(folder: Path) -> Iterator[tuple[str, int]]:
    (folder / "postgresql").mkdir()
    server = postgresql.start(folder / "postgresql", quick=False)
    try:
        url = server.made()
        asyncio.run(_migrate(url))
        yield url, server.process.pid
    finally:
        server.end()


def _sqlite(folder: Path) -> str:
    (folder / "data").mkdir()
    return f"sqlite:///{folder}/data/letterhead.db"


async def _migrate(url: str) -> None:
    database = Database(url)
    await database.migrate()
    await database.close()


def _batches(http: httpx.Client, slugs: Sequence[str], count: int, size: int) -> None:
    """Hand in so many messages in batches, to one portal after the other."""
    many = min(BATCH, max(BATCH_OCTETS // size, 1), -(-count // len(slugs)))

    text = json.dumps(_text(size))  # once, as the mail servers' client makes its text

    def hand_in(start: int) -> None:
        each = [_written(at, text) for at in range(start, min(start + many, count))]
        headers = {"X-Portal": slugs[start // many % len(slugs)], **_JSON}
        body = f'{{"messages": [{", ".join(each)}]}}'.encode()
        http.post("/messages/batch", content=body, headers=headers).raise_for_status()

    with ThreadPoolExecutor(REQUESTS) as threads:
        list(threads.map(hand_in, range(0, count, many)))


def message(number: int, size: int = SIZE) -> dict[str, object]:
    """A message whose text has so many octets."""
    return {**_head(number), "text": _text(size)}


def _written(number: int, text: str) -> str:
    """A message as JSON, with a text that is JSON already."""
    return f'{json.dumps(_head(number))[:-1]}, "text": {text}}}'


def _head(number: int) -> dict[str, object]:
    return {
        "to": [{"email": f"client{number}@client.example", "name": "A client"}],
        "subject": f"Invoice {number}",
    }


def _text(size: int) -> str:
    text = ("Dear client, please find your invoice in the portal. " * (size // 50 + 1))[:size]
    return "\n".join(text[start : start + 70] for start in range(0, size, 70))


@dataclass(frozen=True, slots=True)
class Script:
    """A library that sends by itself: one process that is told to send so many, and ends."""

    name: str
    command: Callable[[], list[str]]
    install: Callable[[], str]  # gives what keeps it from being measured
    durable: bool

    def missing(self) -> str:
        return self.install()

    @contextmanager
    def running(self, folder: Path, upstream: Upstream) -> Iterator[Running]:
        settings = {
            "port": upstream.port,
            "login": LOGIN,
            "password": upstream.password,
            "authority": str(upstream.files.authority),
            "connections": CONNECTIONS,
            "folder": str(folder),
            "text": message(0)["text"],
        }
        process = subprocess.Popen(  # noqa: S603 - ours
            [*self.command(), json.dumps(settings)],
            stdin=subprocess.PIPE,
            text=True,
            env={**os.environ, "SSL_CERT_FILE": str(upstream.files.authority)},  # noqa: TID251
        )
        try:
            yield Running([process.pid], partial(_tell, process))
        finally:
            process.kill()
            process.communicate()


def _tell(process: subprocess.Popen[str], count: int, size: int) -> None:
    assert size == SIZE  # it has its text already
    assert process.stdin is not None
    process.stdin.write(f"{count}\n")
    process.stdin.flush()


def _install_nodemailer() -> str:
    npm = shutil.which("npm")
    if npm is None:
        return "needs npm"
    return brought(CACHE / "node", [npm, "install", "--silent", "nodemailer@7.0.10"])


def _install_post_office() -> str:
    folder = CACHE / "post_office"
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    packages = ["django==5.2.8", "django-post-office==3.10.1"]
    return brought(folder, [uv, "pip", "install", "--quiet", "--target", "lib", *packages])


NODEMAILER = Script(
    "Nodemailer's pool",
    lambda: [
        "node",
        str(CONFIGURATION / "nodemailer.cjs"),
        str(CACHE / "node/node_modules/nodemailer"),
    ],
    _install_nodemailer,
    durable=False,
)
POST_OFFICE = Script(
    "django-post_office",
    lambda: [sys.executable, str(CONFIGURATION / "post_office.py"), str(CACHE / "post_office/lib")],
    _install_post_office,
    durable=True,
)

SQLITE = Letterhead("Letterhead, SQLite")
WINDOWED = Letterhead("Letterhead, SQLite, window 4", window=4)
TUNED = Postfix("Postfix tuned", tuned=True)
# Each worker with as many connections as anybody has alone.
SHARED = tuple(
    Letterhead(
        f"Letterhead, PostgreSQL, {count} x 20 connections",
        count,
        connections=20 * count,
        portals=40,
        waits=True,
    )
    for count in (1, 2, 4)
)
EVERYBODY = (
    SQLITE,
    Letterhead("Letterhead, PostgreSQL, 1 worker", 1),
    Letterhead("Letterhead, PostgreSQL, 2 workers", 2),
    Letterhead("Letterhead, PostgreSQL, 4 workers", 4),
    Postfix("Postfix as installed", tuned=False),
    TUNED,
    EXIM,
    OPENSMTPD,
    HARAKA,
    NODEMAILER,
    POST_OFFICE,
)
Peer = Letterhead | Postfix | Server | Script


def wait(seconds: float, done: Callable[[], bool]) -> None:
    """Wait until something is so; TimeoutError if it takes too long."""
    ends = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends:
            raise TimeoutError
        time.sleep(0.01)
