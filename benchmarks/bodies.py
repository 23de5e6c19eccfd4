"""
Bodies in SQLite beside bodies in a file that is only appended to, for decisions 0030 and 0034.

    python -m benchmarks.bodies            200 KB and 5 KB, groups of eight, five turns each

Both ways end with everything on disk. The file is flushed first, then the rows that refer to it;
deleting its bodies, copying and backup, which a file would make harder, are not measured.
"""

import os
import secrets
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

GROUP, TURNS = 8, 5
_SIZES = {200_000: 400, 5_000: 4_000}  # octets of a body, and how many are written

Write = Callable[[Sequence[bytes]], None]


def database(folder: Path) -> sqlite3.Connection:
    """A database as Letterhead opens it to accept."""
    opened = sqlite3.connect(folder / "bodies.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        opened.execute(f"PRAGMA {pragma}")
    opened.execute("CREATE TABLE body (id INTEGER PRIMARY KEY, content BLOB, place INTEGER)")
    return opened


def into_rows(opened: sqlite3.Connection) -> Write:
    """The bodies are in the table."""

    def write(bodies: Sequence[bytes]) -> None:
        opened.execute("BEGIN IMMEDIATE")
        opened.executemany("INSERT INTO body (content) VALUES (?)", [(each,) for each in bodies])
        opened.execute("COMMIT")

    return write


def into_segment(opened: sqlite3.Connection, segment: int) -> Write:
    """The bodies are in the file, and the table says where."""

    def write(bodies: Sequence[bytes]) -> None:
        place, places = os.lseek(segment, 0, os.SEEK_END), []
        for each in bodies:
            places.append((place,))
            place += os.write(segment, each)
        os.fdatasync(segment)
        opened.execute("BEGIN IMMEDIATE")
        opened.executemany("INSERT INTO body (place) VALUES (?)", places)
        opened.execute("COMMIT")

    return write


def measured(size: int, count: int, *, in_file: bool) -> tuple[float, float]:
    """Bodies a second, and ms of CPU for each."""
    bodies = [secrets.token_bytes(size) for _ in range(GROUP)]
    with TemporaryDirectory(prefix="letterhead-bodies-") as name:
        segment = os.open(Path(name) / "segment", os.O_RDWR | os.O_CREAT, 0o600)
        with closing(database(Path(name))) as opened:
            write = into_segment(opened, segment) if in_file else into_rows(opened)
            used, began = time.process_time(), time.perf_counter()
            for _ in range(count // GROUP):
                write(bodies)
            seconds, cpu = time.perf_counter() - began, time.process_time() - used
        os.close(segment)
    return count / seconds, 1000 * cpu / count


def main() -> None:
    table = Table("octets", "where", "bodies/s, median", "least to most", "CPU, ms a body")
    for size, count in _SIZES.items():
        turns = [[measured(size, count, in_file=at) for at in (False, True)] for _ in range(TURNS)]
        for where, runs in zip(("in rows", "in a file"), zip(*turns, strict=True), strict=True):
            rates, cpus = zip(*runs, strict=True)
            span = f"{min(rates):,.0f} to {max(rates):,.0f}"
            row = (f"{statistics.median(rates):,.0f}", span, f"{statistics.median(cpus):.3f}")
            table.add_row(f"{size:,}", where, *row)
    Console().print(table)


if __name__ == "__main__":
    main()
