"""Many processes on one PostgreSQL: they share the work, and none is missed when it goes."""

import signal
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from letterhead.mail.providers import PROVIDERS
from tests.conftest import open_folder
from tests.forms import message
from tests.journeys.pages.people import Person
from tests.plant import BATCH, Plant
from tests.running import Platform, Portal
from tests.servers import postgresql
from tests.servers.postgresql import UNWRITTEN, PostgreSQL
from tests.test_cli import Done

SEATS = PROVIDERS["other"].limits.connections


@pytest.fixture(scope="module")
def own() -> Iterator[PostgreSQL]:
    """A server of these tests' own: it is killed."""
    postgresql.demand()
    server = postgresql.start(open_folder("postgresql"))
    yield server
    server.end()


@pytest.fixture(scope="module")
def plant(own: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("plant"), own.made())
    yield made
    made.end()
    assert made.web.errors() == []


@pytest.fixture(autouse=True)
def in_doubt(plant: Plant) -> Iterator[set[str]]:
    """
    Nothing is lost, and no more comes twice than was on the wire at one kill.

    Gives the set of what may come twice besides.
    """
    before = duplicates(plant)
    doubtful = set[str]()
    yield doubtful
    settled(plant)
    assert duplicates(plant) - before <= 2 * SEATS + len(doubtful)


def duplicates(plant: Plant) -> int:
    return sum(times - 1 for times in plant.arrived().times.values())


def settled(plant: Plant) -> None:
    """Everything that was handed in has arrived, and nothing is left over."""
    plant.wait_for(len(plant.ids))
    ends = time.monotonic() + 20
    for portal in (plant.hart, plant.orla):
        for status in ("queued", "sending", "failed", "uncertain", "held"):
            while portal.call("GET", f"/messages?status={status}")["items"]:
                assert time.monotonic() < ends
                time.sleep(0.1)


def test_workers_share_the_work(plant: Plant, own: PostgreSQL) -> None:
    query = "SELECT worker, connection_id, until FROM seats"
    before = own.run(query, plant.database)  # some may be of workers that were killed
    seen = set[str]()
    ends = time.monotonic() + 60

    while len(seen) < 2 and time.monotonic() < ends:  # who comes first may take all of a round
        plant.accept(1000)
        while len(plant.arrived().first.keys() & plant.ids) < len(plant.ids):
            seen |= {row[0] for row in own.run(query, plant.database) if row not in before}
            time.sleep(0.02)

    assert len(seen) == 2


def test_where_one_portal_s_mail_is_behind_another_worker_helps(
    plant: Plant, own: PostgreSQL
) -> None:
    query = "SELECT count(DISTINCT lease) FROM recipient WHERE status = 'sending'"
    seen = deque[int](maxlen=20)  # leases; a worker has one for each lane
    ends = time.monotonic() + 60

    while not is_of_two(seen) and time.monotonic() < ends:
        plant.accept(1000, plant.hart)
        while len(plant.arrived().first.keys() & plant.ids) < len(plant.ids) - 300:
            [(leases,)] = own.run(query, plant.database)
            seen.append(int(leases))
            if is_of_two(seen):
                break
            time.sleep(0.02)

    assert is_of_two(seen)


def is_of_two(seen: deque[int]) -> bool:
    """Whether two were at work for a while, and not just one after the other."""
    return len(seen) == seen.maxlen and sum(each == 2 for each in seen) > len(seen) / 2


def test_when_a_worker_is_killed_another_goes_on_within_ten_seconds(plant: Plant) -> None:
    plant.accept(4000)
    plant.wait_for(len(plant.ids) - 3500)
    plant.workers[0].process.kill()
    plant.workers[0].process.wait()
    killed = time.time()
    plant.workers[0] = plant.start()
    plant.wait_for(len(plant.ids))

    times = sorted(at for at in plant.arrived().first.values() if at >= killed)
    pauses = [later - earlier for earlier, later in zip([killed, *times], times, strict=False)]
    assert max(pauses) <= 10


def test_a_worker_that_was_stopped_beyond_its_lease_sends_nothing_stale(plant: Plant) -> None:
    plant.accept(2000)
    plant.wait_for(len(plant.ids) - 1500)
    plant.workers[0].signal(signal.SIGSTOP)
    plant.wait_for(len(plant.ids))
    before = duplicates(plant)
    plant.workers[0].signal(signal.SIGCONT)
    time.sleep(3)

    # Nothing but what was being written at that very moment, one mail a seat at most.
    assert duplicates(plant) - before <= SEATS


def test_workers_come_and_go_under_load(plant: Plant) -> None:
    before = duplicates(plant)
    plant.accept(3000)
    codes = []
    for number in range(4):
        plant.workers.append(plant.start())
        codes.append(plant.workers.pop(0).end())
        plant.accept(BATCH * (number + 1))
    settled(plant)

    assert codes == [0] * 4
    assert duplicates(plant) == before


def test_when_postgresql_is_killed_under_load_work_resumes(
    plant: Plant, own: PostgreSQL, in_doubt: set[str]
) -> None:
    plant.accept(3000)
    killed = time.time()
    own.kill()
    time.sleep(2)
    # Outcomes wait for the server's WAL writer, which writes every 0.2 s (as after a power cut).
    in_doubt |= {each for each, at in plant.arrived().first.items() if at > killed - UNWRITTEN}
    own.start()
    back = time.time()
    plant.accept(BATCH)  # whatever had gone before, there is something to do
    plant.wait_for(len(plant.ids))

    assert min(at for at in plant.arrived().first.values() if at > back) - back <= 10


def test_the_whole_service_works_beside_workers(plant: Plant) -> None:
    serve = Platform(plant.folder, plant.settings)
    plant.accept(500)
    taken = Portal(serve, "hart").send(message("Handed in elsewhere"))
    plant.ids.add(taken)
    settled(plant)
    serve.stop()

    assert plant.arrived().times[taken] == 1


def test_nobody_makes_a_key_of_their_own_beside_others(plant: Plant, tmp_path: Path) -> None:
    settings = {**plant.settings, "LETTERHEAD_DATA_DIR": str(tmp_path / "elsewhere")}

    for command in ("web", "work"):
        refused = Done(tmp_path / "elsewhere", command, **settings)
        assert (refused.code, refused.err.count("\n")) == (1, 1)
        assert "LETTERHEAD_SECRET_KEYS" in refused.err


def test_health_says_who_works_where_this_process_does_not(plant: Plant) -> None:
    link = plant.web.command("user", "add", "op@desk.test", "--role", "operator")
    person = Person(plant.web)
    person.choose(f"/password?token={link.partition('token=')[2].strip()}")

    shown = person.http.get("/health").text
    person.http.close()

    assert "Last sweep of this process" not in shown
    assert "Not this process, but those of letterhead work." in shown
