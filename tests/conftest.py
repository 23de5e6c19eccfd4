"""Fixtures that several folders of tests share: the real servers, one of each a worker."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import pytest

from letterhead.store.database import Database
from tests.servers import bind, certificates, daemons, dkim_key, postfix, postgresql
from tests.servers.bind import Bind
from tests.servers.certificates import Certificates
from tests.servers.moto import start as start_moto
from tests.servers.postfix import Postfix
from tests.servers.postgresql import PostgreSQL

# Services that tests start keep their bytecode: each start takes one second instead of three.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # noqa: TID251 - not ours but Python's

INCLUDES = ("include:spf.protection.outlook.com", "include:_spf.google.com", "include:zohomail.com")


def open_folder(name: str) -> Path:
    """A folder that servers under users of their own may enter; pytest's are closed to them."""
    folder = Path(mkdtemp(prefix=f"letterhead-{name}-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def net() -> Iterator[str]:
    """A loopback network for one process of tests: its servers have the standard ports there."""
    with ExitStack() as held:
        yield next(each for each in _NETS if _is_ours(each, held))


# Other processes of tests, also of other work trees, have others.
_NETS = [f"127.0.{number}" for number in range(10, 250)]
_GUARD = 49_999  # a port that says that a network is taken


def _is_ours(net: str, held: ExitStack) -> bool:
    """Take a network, for as long as `held` lasts; whether it was free."""
    try:
        held.enter_context(socket.create_server((f"{net}.1", _GUARD)))
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def mail_server(certs: Certificates, net: str) -> Iterator[Postfix]:
    """Postfix with Dovecot's logins."""
    daemons.demand("postfix", "dovecot")
    folder = open_folder("postfix")
    server = postfix.start(folder, certs, net)
    yield server
    postfix.end(server)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def name_server(net: str) -> Iterator[Bind]:
    """BIND: the names of the mail servers, and names that lead where no mail may go."""
    daemons.demand("named")
    folder = open_folder("bind")
    server = bind.start(
        folder,
        [
            f"mail A {net}.1",
            f"nostarttls A {net}.2",
            f"expired A {net}.3",
            f"selfsigned A {net}.4",
            f"wrongname A {net}.5",
            f"closed A {net}.6",
            "private A 10.20.30.40",
            "alias CNAME localhost.",
            "cname CNAME localhost.",
            "a.rebind A 127.0.0.7",
            'google TXT "v=spf1 include:_spf.google.com ~all"',
            'other TXT "v=spf1 mx -all"',
            'twice TXT "v=spf1 -all"',
            'twice TXT "v=spf1 ~all"',
            '_dmarc.google TXT "v=DMARC1; p=reject"',
            f"google._domainkey.google TXT ({dkim_key.IN_ZONE})",
            "google MX 10 mail",
            "outlook MX 0 outlook-test.mail.protection.outlook.com.",
            'outlook TXT "v=spf1 include:spf.protection.outlook.com -all"',
            "zoho MX 10 mx2.zoho.eu.",
            "gsuite MX 1 smtp.google.com.",
            "fake MX 1 google.com.attacker",
            f'client TXT "v=spf1 {" ".join(INCLUDES)} ~all"',
            f'denied TXT "v=spf1 {" ".join(INCLUDES)} ~all"',
        ],
        [
            f"client-test.mail.protection.outlook.com. A {net}.6",
            f"denied-test.mail.protection.outlook.com. A {net}.7",
            f"sns.eu-west-1.amazonaws.com. A {net}.8",
        ],
    )
    yield server
    daemons.end(server.process)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    """Moto's server; gives its port."""
    folder = open_folder("moto")
    process, port = start_moto(folder)
    yield port
    daemons.end(process)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """PostgreSQL, with a database `migrated` to be copied."""
    postgresql.demand()
    folder = open_folder("postgresql")
    server = postgresql.start(folder)
    server.run("CREATE DATABASE migrated TEMPLATE template0")
    asyncio.run(migrated(server.url("migrated")))
    yield server
    server.end()
    shutil.rmtree(folder)


async def migrated(url: str) -> None:
    """Make the tables of a database."""
    made = Database(url)
    await made.migrate()
    await made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own, with its tables: whatever uses it runs on both."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'letterhead.db'}"
        asyncio.run(migrated(url))
        yield url
        return
    server: PostgreSQL = request.getfixturevalue("postgres")
    with server.database("migrated") as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """On SQLite and on PostgreSQL."""
    made = Database(database_url)
    yield made
    await made.close()
