"""Portals move between cells while their mail flows: all of it arrives, once."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.running import Portal
from tests.servers.postgresql import PostgreSQL
from tests.town import Load, Sums, Town, simulate, sums, town

CELLS, PORTALS = 2, 2
LOAD = Load(moves=2, every=0.2, pause=0.03, seed=7)


@pytest.fixture
def running(postgres: PostgreSQL, tmp_path: Path) -> Iterator[Town]:
    with ExitStack() as ends:
        urls = [ends.enter_context(postgres.database("migrated")) for _ in range(CELLS)]
        yield ends.enter_context(town(tmp_path, urls, PORTALS, 5))


def test_portals_move_under_load_and_no_mail_is_lost_or_goes_twice(running: Town) -> None:
    found = simulate(running, LOAD)

    assert found.right, found
    assert running.errors() == []
    assert len(running.moves) == LOAD.moves
    assert sum(found.answers.values()) > 0  # somebody asked while a portal was shut
    assert_old_cell_says_where_to_look(running)
    assert_faults_are_seen(running.journal)


def assert_old_cell_says_where_to_look(running: Town) -> None:
    moved = running.moves[-1]
    portal = Portal(running.cells[moved.source - 1].web, moved.slug)

    answer = portal.ask("GET", "/messages")

    assert (answer.status_code, answer.json()["type"]) == (421, "urn:letterhead:moved")
    assert answer.headers["Retry-After"]


def assert_faults_are_seen(journal: Path) -> None:
    """The sums are wrong where a line of the upstream's journal is missing, or stands twice."""
    lines = journal.read_text().splitlines()
    names = [each.split("@")[0].strip("<") for each in lines[PORTALS:]]

    def judged(found: list[str]) -> Sums:
        journal.write_text("\n".join(found) + "\n")
        return sums(journal, [names], {each.split("@")[0].strip("<") for each in lines[:PORTALS]})

    assert judged(lines).right
    assert (judged(lines[:-1]).lost, judged(lines[:-1]).right) == (1, False)
    assert (judged([*lines, lines[-1]]).twice, judged([*lines, lines[-1]]).right) == (1, False)
    assert (judged([*lines, "<x@y> a@b.test 1.0"]).strange) == 1
