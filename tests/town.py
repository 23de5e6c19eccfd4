"""Cells with their processes, portals that move between them under load, and the sums."""

import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from letterhead.demo import certificate
from letterhead.demo.stand import end, start_upstream
from letterhead.demo.tally import arrivals
from letterhead.store.keys import new_key
from tests.forms import message
from tests.plant import PASSWORD, Worker, switched_on
from tests.running import KEY, Platform
from tests.test_cli import Done

_BATCH = 5
_AGAIN = 0.05  # seconds until a message is handed in again
_PATIENCE = 120.0  # seconds without an arrival


class Cell:
    """A database, and a `web` and a `work` on it; its numbers are of a range of its own."""

    def __init__(self, folder: Path, number: int, url: str, settings: Mapping[str, str]) -> None:
        folder.mkdir()
        self.number = number
        self.url = url
        given = {**settings, "LETTERHEAD_DATABASE_URL": url}
        given["LETTERHEAD_DATA_DIR"] = str(folder / "data")
        _command(given, "migrate", "--cell", str(number))
        self.web = Platform(folder, given, "web")
        self.work = Worker(folder, given)
        self.settings = given

    def end(self) -> None:
        self.work.end()
        self.web.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is done to a town; times are in seconds."""

    moves: int
    every: float  # between two moves
    pause: float  # between two batches of a portal
    seed: int


@dataclass(frozen=True, slots=True)
class Moved:
    """One move: how much of the portal's mail waited when it began, and how long it all took."""

    slug: str
    source: int
    target: int
    waited: int
    rows: int
    seconds: float


class Town:
    """Cells, the directory of their portals, and one upstream for all."""

    def __init__(self, folder: Path, urls: Sequence[str], portals: int, delay: int = 0) -> None:
        self._folder = folder
        (folder / "mailbox").mkdir()
        files = certificate.made(folder, "localhost")
        options = ("--delay", str(delay))
        self.upstream, port = start_upstream(folder, files, PASSWORD, *options)
        settings = {
            "LETTERHEAD_ALLOW_DESTINATIONS": f"127.0.0.1:{port}",
            "LETTERHEAD_CA_FILE": str(files.authority),
            "LETTERHEAD_SECRET_KEYS": new_key().reveal(),  # cells share the key ring
        }
        with ThreadPoolExecutor() as starts:
            made = [
                starts.submit(Cell, folder / f"cell-{at}", at, url, settings)
                for at, url in enumerate(urls, 1)
            ]
        self.cells = [each.result() for each in made]
        self.directory: dict[str, Cell] = {}
        self.moves: list[Moved] = []
        for at in range(portals):
            slug, cell = f"portal-{at + 1}", self.cells[at % len(urls)]
            switched_on(cell.web, slug, port, folder / "mailbox")
            self.directory[slug] = cell

    def move(self, slug: str, target: Cell, waited: int) -> Moved:
        """Move a portal, and say so in the directory."""
        source, began = self.directory[slug], time.monotonic()
        said = _command(source.settings, "portal", "move", slug, "--to", target.url, "--json")
        self.directory[slug] = target
        rows = sum(each["rows"] for each in json.loads(said))
        seconds = time.monotonic() - began
        done = Moved(slug, source.number, target.number, waited, rows, seconds)
        self.moves.append(done)
        return done

    def errors(self) -> list[str]:
        return [line for each in self.cells for line in each.web.errors()]

    @property
    def journal(self) -> Path:
        return self._folder / "journal"

    def end(self) -> None:
        with ThreadPoolExecutor() as ends:
            list(ends.map(Cell.end, self.cells))
        end(self.upstream)


class Client(threading.Thread):
    """Hands in messages of one portal by the directory, each batch until it is answered."""

    def __init__(self, town: Town, slug: str, pause: float) -> None:
        super().__init__(daemon=True)
        self.accepted: list[str] = []
        self.answers: Counter[int] = Counter()  # other than 202
        self.longest = 0.0  # seconds until a batch was answered with 202
        self.enough = threading.Event()
        self._town = town
        self._slug = slug
        self._pause = pause
        self._http = httpx.Client(timeout=30)

    def run(self) -> None:
        for number in itertools.count():
            messages = [message(f"{self._slug} {number}/{at}") for at in range(_BATCH)]
            began = time.monotonic()
            items = self._until_accepted({"messages": messages}, f"{self._slug}/{number}")
            self.longest = max(self.longest, time.monotonic() - began)
            self.accepted += [each["id"] for each in items]
            if self.enough.wait(self._pause):
                break
        self._http.close()

    def _until_accepted(self, body: object, key: str) -> Sequence[Mapping[str, Any]]:
        headers = {
            "Authorization": f"Bearer {KEY}",
            "X-Portal": self._slug,
            "Idempotency-Key": key,
        }
        while True:
            url = f"{self._town.directory[self._slug].web.address}/v1/messages/batch"
            answer = self._http.post(url, json=body, headers=headers)
            if answer.status_code == httpx.codes.ACCEPTED:
                items: Sequence[Mapping[str, Any]] = answer.json()["items"]
                return items
            self.answers[answer.status_code] += 1
            time.sleep(_AGAIN)


@dataclass(frozen=True, slots=True)
class Sums:
    """What became of all that was accepted."""

    accepted: int
    arrived: int
    lost: int
    twice: int
    strange: int  # arrived, but nobody had handed them in
    displaced: int  # places that a message came too late within its portal, at most
    seconds: float = 0.0
    longest: float = 0.0  # seconds until somebody was answered with 202
    answers: Mapping[int, int] = field(default_factory=dict)  # other than that

    @property
    def right(self) -> bool:
        wrong = self.lost or self.twice or self.strange
        return not wrong and self.arrived == self.accepted > 0


def simulate(town: Town, load: Load, tell: Callable[[Moved], object] = id) -> Sums:
    """Hand in messages for every portal while portals move; gives the sums."""
    dice = random.Random(load.seed)  # noqa: S311 - no secret
    tests = set(arrivals(town.journal).first)
    began = time.monotonic()
    clients = {slug: Client(town, slug, load.pause) for slug in town.directory}
    with _working(clients.values()):
        for _ in range(load.moves):
            time.sleep(load.every)
            tell(_move_one(town, clients, dice))
    accepted = [each.accepted for each in clients.values()]
    _wait_for(town, {name for each in accepted for name in each})
    return replace(
        sums(town.journal, accepted, tests),
        seconds=time.monotonic() - began,
        longest=max(each.longest for each in clients.values()),
        answers=sum((each.answers for each in clients.values()), Counter[int]()),
    )


@contextmanager
def _working(clients: Collection[Client]) -> Iterator[None]:
    """Let them hand in, until what they began last was accepted."""
    for each in clients:
        each.start()
    try:
        yield
    finally:
        for each in clients:
            each.enough.set()
        for each in clients:
            each.join()


def sums(journal: Path, accepted: Sequence[Sequence[str]], tests: set[str]) -> Sums:
    """Compare what was accepted, portal by portal and in that order, with what has arrived."""
    found = arrivals(journal)
    names = {name for each in accepted for name in each}
    places = {name: at for at, name in enumerate(found.first)}
    return Sums(
        accepted=sum(map(len, accepted)),
        arrived=len(names & found.first.keys()),
        lost=len(names - found.first.keys()),
        twice=sum(found.times[name] - 1 for name in names & found.first.keys()),
        strange=len(found.first.keys() - names - tests),
        displaced=max((_displaced(each, places) for each in accepted), default=0),
    )


def _displaced(accepted: Sequence[str], places: Mapping[str, int]) -> int:
    """How many later ones, at most, came before a message of the same portal."""
    came = sorted((name for name in accepted if name in places), key=places.__getitem__)
    order = {name: at for at, name in enumerate(accepted)}
    return max((at - order[name] for at, name in enumerate(came)), default=0)


def _move_one(town: Town, clients: Mapping[str, Client], dice: random.Random) -> Moved:
    """Move some portal to another cell."""
    slug = dice.choice(sorted(clients))
    target = dice.choice([each for each in town.cells if each is not town.directory[slug]])
    waited = len(set(clients[slug].accepted) - arrivals(town.journal).first.keys())
    return town.move(slug, target, waited)


def _wait_for(town: Town, names: set[str]) -> None:
    """Wait until all of them have arrived, or nothing has for long."""
    ends, last = time.monotonic() + _PATIENCE, -1
    while (found := len(names & arrivals(town.journal).first.keys())) < len(names):
        if found > last:
            ends, last = time.monotonic() + _PATIENCE, found
        if time.monotonic() > ends:
            return
        time.sleep(0.1)
    time.sleep(1)  # for what may come twice


def _command(settings: Mapping[str, str], *words: str) -> str:
    """Run a command of the operator of a cell; gives what it prints."""
    done = Done(Path(settings["LETTERHEAD_DATA_DIR"]), *words, **settings)
    assert done.code == 0, done.err
    return done.out


@contextmanager
def town(folder: Path, urls: Sequence[str], portals: int, delay: int = 0) -> Iterator[Town]:
    """Everything that is needed, on databases that are empty."""
    made = Town(folder, urls, portals, delay)
    try:
        yield made
    finally:
        made.end()
