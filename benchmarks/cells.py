"""
Portals move between cells while mail flows, and then the sums.

    make cells                                 3 cells, 9 portals, 20 moves
    python -m benchmarks.cells --moves 5 --seed 7
    python -m benchmarks.cells --cost          what a message of 5 KB costs one cell

A cell is a PostgreSQL database with a `letterhead web` and a `letterhead work` of its own. A
directory says which portal is where. Clients hand messages in there, and again, under the same
idempotency key, until they are answered with 202. `letterhead portal move` moves portals meanwhile,
and the directory is changed after it. One upstream for all writes each mail down before it answers.
At the end every message that was accepted must have arrived, once. Exit 1 if anything of it is not
so.
"""

import argparse
import random
import secrets
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from tests.forms import message
from tests.running import Portal
from tests.servers import postgresql
from tests.servers.postgresql import PostgreSQL
from tests.town import Load, Moved, Sums, Town, simulate, town

from benchmarks.processes import cpu
from letterhead.demo.tally import arrivals

PORTALS = 9  # the upstream keeps ten test mails

_COUNT, _AT_ONCE, _SIZE = 10_000, 500, 5000
_SIZES = """
    SELECT relname, pg_total_relation_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    AND pg_total_relation_size(oid) > 200000 ORDER BY 2 DESC
"""

console = Console(highlight=False)


def cost(server: PostgreSQL, running: Town) -> None:
    """Hand in messages of 5 KB, wait until they are sent, and print what each has cost."""
    [cell] = running.cells
    database = cell.url.rpartition("/")[2]
    portal = Portal(cell.web, next(iter(running.directory)))
    roots = (cell.web.process.pid, cell.work.process.pid, server.process.pid)
    before, used = _position(server), cpu(roots)
    for _ in range(_COUNT // _AT_ONCE):
        messages = [message("Invoice", text=_text()) for _ in range(_AT_ONCE)]
        portal.call("POST", "/messages/batch", {"messages": messages})
    while len(arrivals(running.journal).first) < _COUNT:
        time.sleep(0.2)
    time.sleep(2)  # outcomes are settled
    table = Table("of a message", "")
    table.add_row("CPU of web, work and PostgreSQL", f"{(cpu(roots) - used) / _COUNT * 1e3:.2f} ms")
    table.add_row("WAL", f"{(_position(server) - before) / _COUNT:,.0f} bytes")
    for name, size in server.run(_SIZES, database):
        table.add_row(f"table {name}, with its indexes", f"{size / _COUNT:,.0f} bytes")
    console.print(table)


def _position(server: PostgreSQL) -> int:
    """How many bytes of WAL were ever written."""
    [[found]] = server.run("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
    return int(found)


def _text() -> str:
    """Nothing that a database could compress."""
    return secrets.token_hex(_SIZE // 2)


def main() -> int:
    parser = argparse.ArgumentParser(description="Portals move between cells while mail flows.")
    parser.add_argument("--cells", type=int, default=3)
    parser.add_argument("--cost", action="store_true", help="what a message costs one cell")
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--every", type=float, default=1, help="seconds between two moves")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two batches")
    parser.add_argument("--delay", type=int, default=5, help="ms before each reply of the upstream")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    given = parser.parse_args()
    with TemporaryDirectory(prefix="letterhead-cells-") as name, ExitStack() as ends:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "postgresql").mkdir()
        (folder / "town").mkdir()
        server = postgresql.start(folder / "postgresql", quick=False)
        ends.callback(server.end)
        return (_cost if given.cost else _moves)(given, folder / "town", server)


def _moves(given: argparse.Namespace, folder: Path, server: PostgreSQL) -> int:
    console.print(f"{given.cells} cells, {PORTALS} portals, {given.moves} moves, seed {given.seed}")
    load = Load(moves=given.moves, every=given.every, pause=given.pause, seed=given.seed)
    urls = [server.made() for _ in range(given.cells)]
    with town(folder, urls, PORTALS, given.delay) as running:
        found = simulate(running, load, _tell)
        errors = running.errors()
    _show(found)
    for line in errors[:3]:
        console.print(line, markup=False)
    return 0 if found.right and not errors else 1


def _cost(_given: argparse.Namespace, folder: Path, server: PostgreSQL) -> int:
    with town(folder, [server.made()], 1) as running:
        cost(server, running)
    return 0


def _tell(moved: Moved) -> None:
    way = f"{moved.slug:10} {moved.source} -> {moved.target}"
    console.print(
        f"{way}  {moved.seconds:5.2f} s, {moved.rows:6,} rows, {moved.waited:4} mails waited"
    )


def _show(found: Sums) -> None:
    table = Table("what", "how many")
    shown = {
        "accepted": f"{found.accepted:,}",
        "arrived": f"{found.arrived:,}",
        "lost": f"{found.lost:,}",
        "twice": f"{found.twice:,}",
        "of nobody": f"{found.strange:,}",
        "out of its place by, at most": f"{found.displaced:,}",
        "messages/s": f"{found.arrived / found.seconds:,.0f}",
        "longest wait for a 202": f"{found.longest:.2f} s",
    }
    shown |= {f"answered {code}, and repeated": f"{at:,}" for code, at in found.answers.items()}
    for row in shown.items():
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
