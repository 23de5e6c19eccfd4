"""A Letterhead as a process that captures all mail, and portals with keys."""

import itertools
from collections.abc import Iterator

import pytest

from tests.running import Platform, Portal

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def capturing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform(
        tmp_path_factory.mktemp("capturing"),
        {"LETTERHEAD_DNS_SERVERS": "127.0.0.1:9"},  # nobody outside is asked for names
    )
    yield running
    running.stop()
    assert running.errors() == []


@pytest.fixture
def portal(capturing: Platform) -> Portal:
    """A portal that nobody has touched yet."""
    return capturing.portal(f"portal-{next(_numbers)}")


@pytest.fixture
def stranger(capturing: Platform) -> Portal:
    """Another portal."""
    return capturing.portal(f"stranger-{next(_numbers)}")
