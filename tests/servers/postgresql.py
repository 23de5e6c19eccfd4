"""A private PostgreSQL: a cluster in a folder of its own, on a free port of 127.0.0.1."""

import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.servers import daemons

_USER = "postgres"  # it refuses root
_QUICK = ("-c", "fsync=off", "-c", "full_page_writes=off")
_MANY = ("-c", "max_connections=300")  # services that run side by side
_numbers = itertools.count(1)

UNWRITTEN = 0.6  # seconds: three rounds of the WAL writer; what was not flushed goes with a crash


@dataclass(slots=True)
class PostgreSQL:
    """A server, whose databases anybody on this machine may use."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] = field(init=False)

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """
        Start it, and wait until it answers; after a crash it puts itself right first.

        It refuses to start while sessions of the crashed one still end, so it is tried again then,
        as whatever looks after a real one would.
        """
        self._spawn()
        ends = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < ends, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.02)
            if self.process.poll() is not None:
                self._spawn()

    def kill(self) -> None:
        """End it as a power cut of the process would; its children see that, and go soon."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)  # nobody is waited for
        self.process.wait(20)

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run one statement; gives its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """A new database, as a copy of another one; gives its URL."""
        url = self.made(template)
        yield url
        self.run(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def made(self, template: str = "template0") -> str:
        """A new database that stays as long as the server does; gives its URL."""
        name = f"made_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def _spawn(self) -> None:
        where = ("-D", self.folder / "data", "-k", self.folder, "-p", self.port)
        command = [*_as_user(), _program("postgres"), *where, *self.options]
        self.process = daemons.start(command, self.folder / "log")

    def _answers(self) -> bool:
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def start(folder: Path, *, quick: bool = True) -> PostgreSQL:
    """Make a cluster and start it; `quick` ones may lose what they hold when the machine stops."""
    folder.chmod(0o755)
    if _as_user():
        shutil.chown(folder, _USER)
    made = ["-D", folder / "data", "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8"]
    daemons.run([*_as_user(), _program("initdb"), "--no-sync", *made], folder / "initdb.log")
    options = (*_MANY, *_QUICK) if quick else _MANY
    server = PostgreSQL(folder, daemons.free_port(), options)
    server.start()
    return server


def demand() -> None:
    """Skip, loudly, where it is not installed."""
    if not _folder():
        pytest.skip("needs PostgreSQL: run `make servers` as root on Debian")


def _program(name: str) -> Path:
    return _folder()[-1] / name


def _folder() -> list[Path]:
    """Where the newest one's programs are: Debian keeps them out of PATH."""
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return sorted((each.parent for each in found), key=lambda each: int(each.parent.name))


def _as_user() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
