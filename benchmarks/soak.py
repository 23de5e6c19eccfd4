"""
Kills while mail flows, and then the sums.

    make soak                                  200 kills during 20,000 deliveries, on SQLite
    python -m benchmarks.soak --postgresql     one `web`, two `work`; PostgreSQL is killed, too
    python -m benchmarks.soak --kills 5 --messages 500 --seed 7
    make soak ARGUMENTS="--asleep 300"         whatever is stopped sleeps for five minutes

Half of the messages may be sent again where nobody knows whether they arrived, the other half wait
for a person then (`on_uncertain: hold`). The upstream writes each mail down before it answers. At
the end every message must have arrived or wait for a person, none of the second half twice, and
the first half no more often than there were connections at all kills. Every kill must
find mail under way. Exit 1 if anything of it is not so.

As root, SQLite has a small disk of its own, which is filled now and then for some seconds.
"""

import argparse
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.table import Table
from tests.forms import message
from tests.mortal import LARGE
from tests.plant import BATCH, Plant
from tests.running import KEY
from tests.servers import postgresql, small_disk
from tests.servers.postgresql import PostgreSQL

from benchmarks.processes import ended_with_us
from letterhead.delivery.lease import TERM
from letterhead.mail.providers import PROVIDERS

SEATS = PROVIDERS["other"].limits.connections
ASLEEP = TERM.total_seconds() + 4  # seconds of a process that is stopped, and wakes up
FULL = 5  # seconds of a full disk
_DISK = 48  # megabytes without any mail
AHEAD = 2 * BATCH  # messages that are handed in beyond a kill's share
_PATIENCE = 300.0  # seconds without an arrival

console = Console(highlight=False)


class Load(threading.Thread):
    """Hands in as many messages as are allowed so far, and goes on after every death."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(daemon=True)
        self.ids: Mapping[str, set[str]] = {"resend": set(), "hold": set()}
        self.allowed = 0
        self.enough = threading.Event()
        self._plant = plant

    @property
    def accepted(self) -> set[str]:
        return self.ids["resend"] | self.ids["hold"]

    def run(self) -> None:
        while not self.enough.is_set() or len(self.accepted) < self.allowed:
            if len(self.accepted) >= self.allowed:
                time.sleep(0.01)
                continue
            for policy, ids in self.ids.items():
                self._hand_in(policy, ids)

    def _hand_in(self, policy: str, ids: set[str]) -> None:
        batch = [message(f"Mail {at}", on_uncertain=policy) for at in range(BATCH)]
        batch[0] = message("Plans", on_uncertain=policy, text=LARGE)
        body = {"messages": batch}
        headers = {"Authorization": f"Bearer {KEY}", "X-Portal": "hart"}
        try:
            url = f"{self._plant.web.address}/v1/messages/batch"
            answer = httpx.post(url, json=body, headers=headers, timeout=30)
        except httpx.HTTPError:
            answer = None
        if answer is None or not answer.is_success:
            time.sleep(0.1)
        else:
            ids |= {each["id"] for each in answer.json()["items"]}


@dataclass(frozen=True, slots=True)
class Harm:
    """Everything that can be done to an installation."""

    plant: Plant
    server: PostgreSQL | None
    dice: random.Random
    asleep: float = ASLEEP
    disk: Path | None = None  # a small one, for SQLite

    def do(self) -> str:
        """Do one of it; says what it was."""
        ways: list[tuple[int, Callable[[], str]]] = [(8, self._kill), (1, self._stop)]
        if self.server:
            ways = [(6, self._kill_worker), (1, self._stop_worker), (2, self._kill)]
            ways.append((1, self._kill_server))
        if self.disk:
            ways.append((1, partial(self._fill, self.disk)))
        (_, way), *_ = self.dice.choices(ways, [weight for weight, _ in ways])
        return way()

    def _kill(self) -> str:
        self.plant.web.kill()
        self.plant.web.start()
        return "kill -9 of web" if self.server else "kill -9 of serve"

    def _stop(self) -> str:
        self._sleep(self.plant.web.process.send_signal)
        return f"serve stopped for {self.asleep:.0f} s"

    def _kill_worker(self) -> str:
        worker = self.plant.workers.pop(0)
        worker.process.kill()
        worker.process.wait()
        self.plant.workers.append(self.plant.start())
        return "kill -9 of a worker"

    def _stop_worker(self) -> str:
        self._sleep(self.plant.workers[0].signal)
        return f"a worker stopped for {self.asleep:.0f} s, longer than its lease"

    def _kill_server(self) -> str:
        assert self.server
        self.server.kill()
        time.sleep(1)
        self.server.start()
        return "kill -9 of PostgreSQL"

    def _sleep(self, send: Callable[[signal.Signals], None]) -> None:
        send(signal.SIGSTOP)
        try:
            time.sleep(self.asleep)
        finally:
            send(signal.SIGCONT)

    def _fill(self, disk: Path) -> str:
        small_disk.fill(disk / "filler")
        time.sleep(FULL)
        (disk / "filler").unlink()
        return f"the disk full for {FULL} s"


@dataclass(frozen=True, slots=True)
class Sums:
    """What became of all that was accepted."""

    accepted: int
    arrived: int
    uncertain: int  # wait for a person
    lost: int
    repeated: int  # of those that may be sent again
    repeated_held: int  # of those that wait for a person
    struck: int  # kills while mail was under way

    @property
    def allowed(self) -> int:
        """How many may come twice: the mails on the wire, one a connection, at each kill."""
        return self.struck * SEATS

    def is_right(self, kills: int) -> bool:
        flawless = not self.lost and not self.repeated_held and self.repeated <= self.allowed
        return flawless and self.struck == kills


def soak(plant: Plant, harm: Harm, *, kills: int, messages: int) -> Sums:
    """Kill so many times while so many messages are delivered; gives the sums."""
    load = Load(plant)
    load.start()
    struck = 0
    for number in range(1, kills + 1):
        load.allowed = max(load.allowed, messages * number // kills + AHEAD)
        _wait_for(plant, messages * (number - 1) // kills)
        arrived, waiting = _under_way(plant, load)
        struck += waiting > 0
        done = harm.do()
        seen = f"{arrived:7,} arrived, {waiting:5,} under way"
        console.print(f"{number:4} of {kills}  {seen}  {done}")
    load.enough.set()
    load.join()
    return _sums(plant, load, struck)


def _sums(plant: Plant, load: Load, struck: int) -> Sums:
    uncertain = _rest(plant)
    found = plant.arrived()
    twice = {name: times - 1 for name, times in found.times.items() if times > 1}
    return Sums(
        accepted=len(load.accepted),
        arrived=len(load.accepted & found.first.keys()),
        uncertain=len(uncertain),
        lost=len(load.accepted - found.first.keys() - uncertain),
        repeated=sum(twice.get(each, 0) for each in load.ids["resend"]),
        repeated_held=sum(twice.get(each, 0) for each in load.ids["hold"]),
        struck=struck,
    )


def _rest(plant: Plant) -> set[str]:
    """Wait until nothing is under way; gives what waits for a person."""
    ends = time.monotonic() + _PATIENCE
    # What is being sent may be queued again between two looks.
    while any(_listed(plant, status) for status in ("queued", "sending", "queued")):
        if time.monotonic() > ends:
            sys.exit("Messages are queued or being sent for ever.")
        time.sleep(0.2)
    found, after = set[str](), ""
    while True:
        page = plant.hart.call("GET", f"/messages?status=uncertain&limit=100{after}")
        found |= {each["id"] for each in page["items"]}
        if not page["next_cursor"]:
            return found
        after = f"&cursor={page['next_cursor']}"


def _listed(plant: Plant, status: str) -> bool:
    return bool(plant.hart.call("GET", f"/messages?status={status}")["items"])


def _wait_for(plant: Plant, count: int) -> None:
    ends, last = time.monotonic() + _PATIENCE, 0
    while (found := len(plant.arrived().first)) < count:
        if found > last:
            ends, last = time.monotonic() + _PATIENCE, found
        if time.monotonic() > ends:
            sys.exit(f"Nothing arrives any more: {found} of {count}.")
        time.sleep(0.05)


def _under_way(plant: Plant, load: Load) -> tuple[int, int]:
    """How many have arrived, and how many are on their way: some, or more is handed in."""
    ends = time.monotonic() + _PATIENCE
    while True:
        arrived = plant.arrived().first.keys()
        waiting = len(load.accepted - arrived)
        if waiting or time.monotonic() > ends:
            return len(arrived), waiting
        load.allowed = max(load.allowed, len(load.accepted) + AHEAD)
        time.sleep(0.01)


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    """The folder as a disk that can be filled, where that may be."""
    with small_disk.mounted(folder, megabytes) as is_mounted:
        if not is_mounted:
            console.print("No small disk that could be filled: that needs root.")
        yield folder if is_mounted else None


@contextmanager
def _plant(folder: Path, *, on_postgresql: bool) -> Iterator[tuple[Plant, PostgreSQL | None]]:
    server = postgresql.start(folder / "postgresql", quick=False) if on_postgresql else None
    url = server.made() if server else f"sqlite:///{folder}/disk/letterhead.db"
    (folder / "plant").mkdir()
    try:
        plant = Plant(folder / "plant", url)
        try:
            yield plant, server
        finally:
            plant.end()
    finally:
        if server:
            server.end()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kills while mail flows, and then the sums.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--asleep", type=float, default=ASLEEP, help="seconds of who is stopped")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    return parser.parse_args()


def _soaked(asked: argparse.Namespace, folder: Path) -> tuple[Sums, list[str]]:
    """The sums, and what was logged as a fault."""
    for each in ("postgresql", "disk"):
        (folder / each).mkdir()
    size = _DISK + asked.messages // 50
    small = nullcontext() if asked.postgresql else _small_disk(folder / "disk", size)
    with small as disk, _plant(folder, on_postgresql=asked.postgresql) as (plant, server):
        dice = random.Random(asked.seed)  # noqa: S311 - no secret
        harm = Harm(plant, server, dice, asked.asleep, disk)
        sums = soak(plant, harm, kills=asked.kills, messages=asked.messages)
        return sums, plant.web.errors()


def main() -> int:
    asked = _asked()
    console.print(f"{asked.kills} kills, {asked.messages:,} messages, seed {asked.seed}")
    with ended_with_us(), TemporaryDirectory(prefix="letterhead-soak-") as name:
        Path(name).chmod(0o755)
        sums, errors = _soaked(asked, Path(name))
    table = Table(
        "kills", "accepted", "arrived", "wait for a person", "lost", "twice", "twice, of `hold`"
    )
    shown = (sums.struck, sums.accepted, sums.arrived, sums.uncertain, sums.lost)
    repeated = f"{sums.repeated:,} of at most {sums.allowed:,}"
    table.add_row(*(f"{each:,}" for each in shown), repeated, str(sums.repeated_held))
    console.print(table)
    for line in errors[:3]:
        console.print(line, markup=False)
    return 0 if sums.is_right(asked.kills) and not errors else 1


if __name__ == "__main__":
    sys.exit(main())
