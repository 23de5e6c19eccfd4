"""A Letterhead as a process, set to reach the servers of the tests, and a new portal a test."""

import itertools
import ssl
from collections.abc import Iterator

import pytest

from tests.running import Platform, Portal
from tests.servers.bind import Bind
from tests.servers.certificates import Certificates
from tests.servers.postgresql import PostgreSQL
from tests.servers.scripted import Scripted, running

_numbers = itertools.count(1)


ON_BOTH = pytest.mark.parametrize("platform", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def platform(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    net: str,
    certs: Certificates,
    name_server: Bind,
) -> Iterator[Platform]:
    """It asks the test's name server, trusts the test's authority, and may reach `net`."""
    on_postgresql = getattr(request, "param", "sqlite") == "postgresql"
    postgres: PostgreSQL | None = request.getfixturevalue("postgres") if on_postgresql else None
    running = Platform(
        tmp_path_factory.mktemp("platform"),
        {
            **({"LETTERHEAD_DATABASE_URL": postgres.made("migrated")} if postgres else {}),
            "LETTERHEAD_DNS_SERVERS": f"127.0.0.1:{name_server.port}",
            "LETTERHEAD_ALLOW_DESTINATIONS": f"{net}.0/24,127.0.0.1",
            "LETTERHEAD_CA_FILE": str(certs.authority),
            "LETTERHEAD_SENDING_ADDRESSES": "192.0.2.7, 2001:db8:7::/48",
        },
    )
    yield running
    running.stop()
    assert running.errors() == []


@pytest.fixture
def other(platform: Platform) -> Portal:
    """Another portal that nobody has touched yet."""
    return platform.portal(f"other-{next(_numbers)}", "Other & Co")


@pytest.fixture
def hart(platform: Platform) -> Portal:
    """A portal that nobody has touched yet."""
    number = next(_numbers)
    return platform.portal(f"hart-{number}", f"Hart & Co {number}")


@pytest.fixture
def server(certs: Certificates) -> Iterator[Scripted]:
    """A scripted server that wants STARTTLS and takes every login."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certs.chain("good"))
    with running(Scripted(tls=context)) as script:
        yield script
