"""A platform for each test: Letterhead as a process, set to reach the servers of the tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.platform import Platform
from tests.servers.bind import Bind
from tests.servers.certificates import Certificates


@pytest.fixture
def platform(
    tmp_path: Path, net: str, certs: Certificates, name_server: Bind
) -> Iterator[Platform]:
    """It asks the test's name server, trusts the test's authority, and may reach `net`."""
    running = Platform(
        tmp_path,
        {
            "LETTERHEAD_DNS_SERVERS": f"127.0.0.1:{name_server.port}",
            "LETTERHEAD_ALLOW_DESTINATIONS": f"{net}.0/24,127.0.0.1",
            "LETTERHEAD_CA_FILE": str(certs.authority),
        },
    )
    running.call("POST", "/portals", {"slug": "hart", "name": "Hart & Co"})
    yield running
    running.stop()
