"""
What a message costs with few and with many others in the tables.

    make bench-growth                                   SQLite, and PostgreSQL if it is there
    python -m benchmarks.growth --sizes 1000 10000 --rounds 10 --out /tmp/growth

100 messages at a time are accepted, claimed, read and settled, in turns in databases of each size.
The others wait (due), are scheduled for later, or were settled within a year, with an event each;
or they are portals, a hundredth as many. The sweep, which goes on once a second whatever the load,
is measured apart. Of the year also what forgetting costs, and a message meanwhile. The results go
into docs/benchmarks/ as JSON and SVG.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table
from tests.servers import postgresql

from benchmarks import machine, others
from benchmarks.others import NOW, SCHEDULED, SETTLED, WAITING, Fill
from benchmarks.plots import Axes, plot
from letterhead.mail.letter import Addressee, Lane, Letter
from letterhead.mail.message import MessageClass, OnUncertain
from letterhead.mail.outcome import Sent, Status
from letterhead.mail.portal import Ids
from letterhead.mail.reply import Reply, Stage
from letterhead.mail.secret import Secret
from letterhead.store.committer import Committer
from letterhead.store.database import Database
from letterhead.store.history import AT_ONCE, History
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.vault import Vault

OUT = Path("docs/benchmarks")
SIZES = (10_000, 100_000, 1_000_000)
BATCH = 100  # messages
PARTS = 8  # that are forgotten
BREATH = 0.05  # seconds between parts, as the service has it
TAKEN = Reply(Stage.MESSAGE, 250, "2.0.0 Queued")
KEY = Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
MAILS: Mapping[str, Fill] = {
    name: partial(others.mails, kind=kind)
    for name, kind in (("waiting", WAITING), ("scheduled", SCHEDULED), ("settled", SETTLED))
}

console = Console(highlight=False)

Figure = Mapping[str, float]  # the median, the least and the most
Found = dict[str, dict[str, dict[str, Figure]]]  # by what the others are, how many, what is done


class Bench:
    """A database with others in it, and what it took to work there, in milliseconds."""

    def __init__(self, database: Database) -> None:
        self._committer, self._outbox = Committer(database), Outbox(database)
        self._history = History(database)
        self._ids, self._numbers = Ids(), itertools.count()
        self.took: dict[str, list[float]] = defaultdict(list)

    @classmethod
    @asynccontextmanager
    async def of(cls, url: str, fill: Fill, size: int) -> AsyncIterator["Bench"]:
        """A new database that is filled, and closed at the end."""
        database = Database(url)
        await database.migrate()
        async with Store(database, Vault(lambda: [KEY])).platform() as rows:
            await rows.add_portal("hart", "Hart & Co", NOW)
        await fill(database, size)
        await others.rest(database)
        bench = cls(database)
        async with bench._committer.at_work():
            yield bench
        await database.close()

    async def go_on(self) -> None:
        """Let some messages go all the way, and sweep."""
        await self._timed("message", self._messages, BATCH)
        await self._timed("sweep", self._sweep)

    async def forget(self) -> None:
        """Forget bodies and messages part by part: alone, and while others go on."""
        parts = (
            ("body forgotten", self._history.forget_bodies),
            ("message forgotten", self._history.forget_messages),
        )
        for name, part in parts:
            for _ in range(PARTS):
                await self._timed(name, partial(part, NOW), AT_ONCE)
        forgetting = asyncio.create_task(self._forget_slowly())
        while not forgetting.done():
            await self._timed("message beside forgetting", self._messages, BATCH)
        await forgetting

    def figures(self) -> dict[str, Figure]:
        return {
            name: {
                "median": round(statistics.median(times), 4),
                "least": round(min(times), 4),
                "most": round(max(times), 4),
            }
            for name, times in self.took.items()
        }

    async def _messages(self) -> None:
        await self._committer.add([self._letter() for _ in range(BATCH)])
        until = NOW + timedelta(minutes=1)
        lease = (f"lease {next(self._numbers)}", until)
        claims = await self._outbox.claim((1, Lane.LIVE), lease, limit=BATCH, now=NOW)
        await self._outbox.contents([each.message_id for each in claims])
        await self._outbox.settle([(each, Sent(TAKEN, Status.SENT), NOW) for each in claims])
        assert len(claims) == BATCH

    async def _sweep(self) -> None:
        await self._outbox.free(NOW)
        await self._outbox.hasten(NOW)
        await self._outbox.expire(NOW)
        await self._outbox.lanes_due(NOW)

    async def _forget_slowly(self) -> None:
        for part in (self._history.forget_bodies, self._history.forget_messages):
            for _ in range(PARTS):
                await part(NOW)
                await asyncio.sleep(BREATH)

    async def _timed(self, name: str, step: Callable[[], Awaitable[object]], of: int = 1) -> None:
        began = time.perf_counter()
        await step()
        self.took[name].append(1000 * (time.perf_counter() - began) / of)

    def _letter(self) -> Letter:
        number = next(self._numbers)
        return Letter(
            id=self._ids.new(NOW),
            portal_id=1,
            message_class=MessageClass.BUSINESS,
            created_at=NOW,
            due=NOW,
            expires=NOW + timedelta(days=5),
            subject="Invoice",
            from_name=None,
            reply_to=(),
            metadata={},
            on_uncertain=OnUncertain.RESEND,
            header_id=f"<{number}@hart.test>",
            content=others.CONTENT,
            addressees=(Addressee(self._ids.new(NOW), f"client{number}@client.test"),),
            idempotency_key=f"invoice-{number}",
            request_digest=f"{number:064}",
        )


async def measured(
    urls: Iterator[str], fill: Fill, sizes: Sequence[int], rounds: int
) -> dict[str, dict[str, Figure]]:
    """What everything takes in a database of each size; in turns, for a noisy minute hits all."""
    async with AsyncExitStack() as ends:
        benches = [
            await ends.enter_async_context(Bench.of(next(urls), fill, each)) for each in sizes
        ]
        for bench in benches:
            await bench.go_on()  # warm
            bench.took.clear()
        for _ in range(rounds):
            for bench in benches:
                await bench.go_on()
        if fill is MAILS["settled"]:
            for bench in benches:
                await bench.forget()
        return {str(size): bench.figures() for size, bench in zip(sizes, benches, strict=True)}


def compared(sizes: Sequence[int], rounds: int) -> dict[str, Found]:
    """Everything, by database."""
    cases = {name: (fill, sizes) for name, fill in MAILS.items()}
    cases["portals"] = (others.portals, [each // 100 for each in sizes])
    found: dict[str, Found] = {}
    with databases() as kinds:
        for name, (kind, urls) in itertools.product(cases, kinds.items()):
            console.print(f"{kind}: {name} ...")
            work = measured(urls, *cases[name], rounds)
            found.setdefault(kind, {})[name] = asyncio.run(work)
    return found


@contextmanager
def databases() -> Iterator[Mapping[str, Iterator[str]]]:
    """New databases without end, of each kind that there is."""
    with TemporaryDirectory(prefix="letterhead-growth-") as name:
        folder = Path(name)
        found = {"SQLite": (f"sqlite:///{folder}/{at}.db" for at in itertools.count())}
        if not postgresql._folder():  # noqa: SLF001 - whether it is installed
            yield found
            return
        (folder / "postgresql").mkdir()
        folder.chmod(0o755)
        server = postgresql.start(folder / "postgresql", quick=False)
        try:
            yield {**found, "PostgreSQL": (server.made() for _ in itertools.count())}
        finally:
            server.end()


def show(found: Mapping[str, Found]) -> None:
    """Print a table with the ratio of the largest size to the smallest."""
    table = Table("database", "others", "what", "how many, and milliseconds", "ratio")
    for kind, cases in found.items():
        for others_are, sizes in cases.items():
            for what in next(iter(sizes.values())):
                medians = {size: figures[what]["median"] for size, figures in sizes.items()}
                shown = "  ".join(f"{int(size):,}: {each:.3f}" for size, each in medians.items())
                first, *_, last = medians.values()
                table.add_row(kind, others_are, what, shown, f"{last / first:.2f}")
    console.print(table)


def drawn(found: Mapping[str, Found], rounds: int) -> str:
    """The plot of what a message costs."""
    lines = {
        f"{kind}, others {name}": [each["message"]["median"] for each in cases[name].values()]
        for kind, cases in found.items()
        for name in MAILS
    }
    sizes = next(iter(found.values()))["waiting"]
    axes = Axes(
        title=f"A message beside others, accepted, claimed, read and settled (medians of {rounds})",
        across="other messages",
        steps=[f"{int(each):,}" for each in sizes],
        up="ms",
    )
    return plot(axes, lines)


def main() -> None:
    """Read the command line, measure, and write it down."""
    parser = argparse.ArgumentParser(description="What a message costs beside others.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    at = machine.described()
    found = compared(asked.sizes, asked.rounds)
    show(found)
    asked.out.mkdir(exist_ok=True)
    results: dict[str, Any] = {"machine": at, "rounds": asked.rounds, "batch": BATCH, "ms": found}
    (asked.out / "growth.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    (asked.out / "growth.svg").write_text(drawn(found, asked.rounds), "utf-8")
    console.print(f"written to {asked.out}/")


if __name__ == "__main__":
    main()
