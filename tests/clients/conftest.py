"""A Letterhead that keeps its mail, and a portal whose key the clients use."""

import itertools
from collections.abc import Iterator

import pytest

from letterhead.mail.portal import Scope
from tests.running import Platform, Portal

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform(tmp_path_factory.mktemp("desk"), {})
    yield running
    running.stop()
    assert running.errors() == []


@pytest.fixture
def hart(desk: Platform) -> Portal:
    """A portal that nobody has touched yet."""
    return desk.portal(f"hart-{next(_numbers)}")


@pytest.fixture
def key(hart: Portal) -> str:
    return hart.key(*Scope)
