"""
Letterhead beside its peers, in one run: interleaved, medians.

    make bench              three rounds, 5,000 messages each; some minutes a round
    make bench QUICK=1      one round of few messages, for a first look
    python -m benchmarks.compare --only "Letterhead, SQLite" --only "Postfix tuned"

Everybody delivers 5 KB messages to the same upstream (STARTTLS, AUTH, PIPELINING, CHUNKING) over
20 connections at most. What is measured stands in docs/benchmarks.md; the results go into
docs/benchmarks/ as JSON and SVG. Cases that a run leaves out stay there as they were.
"""

import argparse
import json
import secrets
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks import charts, machine, processes
from benchmarks.peer import SIZE, Running, Upstream
from benchmarks.peers import (
    EVERYBODY,
    NODEMAILER,
    SHARED,
    SQLITE,
    TUNED,
    WINDOWED,
    Letterhead,
    Peer,
    message,
    wait,
)
from letterhead.demo import certificate
from letterhead.demo.stand import end, start_upstream
from letterhead.demo.tally import arrivals

OUT = Path("docs/benchmarks")
DELAY = 50  # milliseconds of each reply, in the cases that have one
FAR = 200  # the same, where the cores are not to be the limit of four workers
_PATIENCE = 600.0  # seconds for one run
_WARM = 40  # messages before the clock starts

console = Console(highlight=False)
Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Relay:
    """What one run of handing in and relaying came to."""

    per_second: float
    cpu_ms: float  # of all processes of the peer, a message
    upstream_share: float  # of all CPU that was used, by the upstream
    memory_mb: float  # of all processes of the peer, at most


@dataclass(frozen=True, slots=True)
class Stage:
    """A peer at work, and the upstream that it delivers to."""

    running: Running
    upstream: int  # its pid
    journal: Path


@contextmanager
def stage(peer: Peer, *options: str) -> Iterator[Stage]:
    """Start both in a folder that goes."""
    with TemporaryDirectory(prefix="letterhead-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postfix works there as a user of its own
        files = certificate.made(folder, "localhost")
        password = secrets.token_urlsafe(12)
        (folder / "mailbox").mkdir()
        (folder / "journal").touch()
        process, port = start_upstream(folder, files, password, *options)
        (folder / "peer").mkdir()
        try:
            with peer.running(folder / "peer", Upstream(port, files, password)) as running:
                yield Stage(running, process.pid, folder / "journal")
        finally:
            end(process)


def relay(peer: Peer, count: int, *options: str, size: int = SIZE) -> Figures:
    """Hand in so many messages as fast as they are taken; until the last has arrived."""
    with stage(peer, *options) as on:
        on.running.submit(_WARM, SIZE)
        wait(_PATIENCE, lambda: _arrived(on) >= _WARM)
        used, upstream = processes.cpu(on.running.pids), processes.cpu([on.upstream])
        began = time.time()
        with processes.watched(on.running.pids) as most:
            on.running.submit(count, size)
            wait(_PATIENCE, lambda: _arrived(on) >= _WARM + count)
        last = max(_times(on))
        theirs = processes.cpu(on.running.pids) - used
        its = processes.cpu([on.upstream]) - upstream
    rate, share = count / (last - began), its / (its + theirs)
    return asdict(Relay(rate, 1000 * theirs / count, share, most[0]))


def drained(peer: Peer, count: int, *options: str) -> Figures:
    """Hand in so many messages while nobody delivers; from the first that arrives to the last."""
    with stage(peer, *options) as on:
        on.running.submit(count, SIZE)
        used, upstream = processes.cpu(on.running.pids), processes.cpu([on.upstream])
        on.running.begin()
        with processes.watched(on.running.pids) as most:
            wait(_PATIENCE, lambda: _arrived(on) >= count)
        times = _times(on)
        theirs = processes.cpu(on.running.pids) - used
        its = processes.cpu([on.upstream]) - upstream
    rate, share = (count - 1) / (max(times) - min(times)), its / (its + theirs)
    return asdict(Relay(rate, 1000 * theirs / count, share, most[0]))


def singles(peer: Peer, count: int, *, draining: int = 0) -> Figures:
    """
    Hand in one message after the other, while another portal drains so many, if it does.

    Gives the milliseconds from request and answer to the upstream's journal, by percentiles, and
    how many messages there were: with the other portal's last one they end.
    """
    with stage(peer) as on:
        http = on.running.http
        assert http is not None
        on.running.submit(_WARM, SIZE)
        wait(_PATIENCE, lambda: _arrived(on) >= _WARM)
        if draining:
            on.running.submit(draining, SIZE)
        asked: dict[str, tuple[float, float]] = {}
        for number in range(count):
            if draining and _arrived(on) >= draining + len(asked):
                break
            began = time.time()
            name = _one(http, number)
            asked[name] = (began, time.time())
            time.sleep(0.03)
        wait(_PATIENCE, lambda: arrivals(on.journal).first.keys() >= asked.keys())
        first = arrivals(on.journal).first
    requests = [1000 * (first[name] - began) for name, (began, _) in asked.items()]
    answers = [1000 * max(first[name] - at, 0.0) for name, (_, at) in asked.items()]
    found = _percentiles("from_request", requests) | _percentiles("from_answer", answers)
    return {**found, "messages": len(asked)}


def _one(http: httpx.Client, number: int) -> str:
    answer = http.post("/messages", json=message(number), headers={"X-Portal": "orla"})
    return str(answer.raise_for_status().json()["id"])


def _percentiles(name: str, values: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {f"{name}_p{each}": cuts[each - 1] for each in charts.PERCENTILES}


def _arrived(on: Stage) -> int:
    return on.journal.read_bytes().count(b"\n")


def _times(on: Stage) -> list[float]:
    return [float(line.rpartition(" ")[2]) for line in on.journal.read_text("ascii").splitlines()]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is measured, of whom, and how."""

    title: str
    unit: str
    peers: Sequence[Peer]
    run: Callable[[Peer], Figures]
    figure: str  # which field the chart shows


def cases(count: int) -> dict[str, Case]:
    """Everything that is measured, with so many messages where it is many."""
    delayed = f"accepted and relayed, each reply {DELAY} ms late"
    ours = [each for each in EVERYBODY if isinstance(each, Letterhead)]
    few, some = max(count // 5, 100), max(count // 25, 20)
    return {
        "relay": Case(
            "accepted and relayed",
            "messages/s",
            EVERYBODY,
            lambda peer: relay(peer, count),
            "per_second",
        ),
        "large": Case(
            "accepted and relayed, 200 KB each",
            "messages/s",
            [SQLITE, TUNED],
            lambda peer: relay(peer, few, size=200_000),
            "per_second",
        ),
        "delay": Case(
            delayed,
            "messages/s",
            [SQLITE, TUNED, NODEMAILER],
            lambda peer: relay(peer, few, "--delay", str(DELAY)),
            "per_second",
        ),
        "window": Case(
            f"{delayed}; window 1 and 4",
            "messages/s",
            [SQLITE, WINDOWED, TUNED],
            lambda peer: relay(peer, 2 * few, "--delay", str(DELAY)),
            "per_second",
        ),
        "workers": Case(
            f"relayed of what waits, each reply {DELAY} ms late; 40 portals; 1, 2 and 4 workers",
            "messages/s",
            SHARED,
            lambda peer: drained(peer, 2 * count, "--delay", str(DELAY)),
            "per_second",
        ),
        "far": Case(
            f"relayed of what waits, each reply {FAR} ms late; 40 portals; 1, 2 and 4 workers",
            "messages/s",
            SHARED,
            lambda peer: drained(peer, count, "--delay", str(FAR)),
            "per_second",
        ),
        "idle": Case(
            "a single message while nothing else is to do, request to upstream",
            "ms, median",
            ours[:2],
            lambda peer: singles(peer, some),
            "from_request_p50",
        ),
        "busy": Case(
            f"a single message while another portal drains {5 * count:,}, request to upstream",
            "ms, median",
            ours[:2],
            lambda peer: singles(peer, some, draining=5 * count),
            "from_request_p50",
        ),
    }


def measure(found: dict[str, Case], rounds: int, only: Sequence[str]) -> dict[str, Any]:
    """Every case of everybody, in turns; what cannot be measured says why."""
    results: dict[str, dict[str, list[Figures]]] = {name: {} for name in found}
    left_out: dict[str, str] = {}
    where = machine.described()
    for number in range(rounds):
        for name, case in found.items():
            for peer in case.peers:
                if only and peer.name not in only:
                    continue
                if why := peer.missing():
                    left_out[peer.name] = why
                    continue
                console.print(f"{number + 1}/{rounds} {name}: {peer.name} ... ", end="")
                try:
                    one = case.run(peer)
                except Exception as error:  # noqa: BLE001 - the others are measured all the same
                    left_out[peer.name] = f"{type(error).__name__}: {error}"
                    console.print("failed")
                else:
                    results[name].setdefault(peer.name, []).append(one)
                    console.print(f"{one[case.figure]:,.1f} {case.unit}")
    return {
        name: {
            "title": case.title,
            "unit": case.unit,
            "figure": case.figure,
            "machine": where,
            "rounds": rounds,
            "left_out": {
                each.name: left_out[each.name] for each in case.peers if each.name in left_out
            },
            "peers": {peer: _summary(runs) for peer, runs in results[name].items()},
        }
        for name, case in found.items()
    }


def _summary(runs: Sequence[Figures]) -> dict[str, dict[str, float]]:
    """Of each figure the median, the least and the most."""
    return {
        figure: {
            "median": round(statistics.median(run[figure] for run in runs), 3),
            "least": round(min(run[figure] for run in runs), 3),
            "most": round(max(run[figure] for run in runs), 3),
        }
        for figure in runs[0]
    }


def show(results: Mapping[str, Any]) -> None:
    """Print a table a case."""
    for case in results.values():
        for peer, why in case["left_out"].items():
            console.print(f"not measured: {peer}: {why}")
        if case["peers"]:
            console.print(_table(case))


def _table(case: Mapping[str, Any]) -> Table:
    """The medians; a row for each peer, and a column for each figure."""
    figures = next(iter(case["peers"].values()))
    rows = [
        [peer, *(f"{summary[each]['median']:,.2f}" for each in figures)]
        for peer, summary in case["peers"].items()
    ]
    rows.insert(0, ["who", *(each.replace("_", " ") for each in figures)])
    if len(figures) > len(rows):  # else it is too wide
        rows = [list(column) for column in zip(*rows, strict=True)]
    table = Table(title=f"{case['title']}, medians of {case['rounds']}")
    for at, name in enumerate(rows[0]):
        table.add_column(name, justify="right" if at else "left")
    for row in rows[1:]:
        table.add_row(*row)
    return table


def keep(results: Mapping[str, Any], count: int, out: Path) -> None:
    """Write the cases down, and draw them; those that were not measured stay as they were."""
    out.mkdir(exist_ok=True)
    file = out / "results.json"
    before = json.loads(file.read_text("utf-8")) if file.exists() else {}
    found = before | {name: {"messages": count, **case} for name, case in results.items()}
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    charts.draw(found, out)


def main() -> None:
    """Read the command line, measure, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", default=[], help="a peer's name")
    parser.add_argument("--case", action="append", default=[], help=", ".join(cases(0)))
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    count, rounds = (500, 1) if asked.quick else (asked.messages, asked.rounds)
    chosen = {
        name: case for name, case in cases(count).items() if not asked.case or name in asked.case
    }
    results = measure(chosen, rounds, asked.only)
    show(results)
    if asked.quick:
        return
    keep(results, count, asked.out)
    console.print(f"written to {asked.out}/")


if __name__ == "__main__":
    main()
