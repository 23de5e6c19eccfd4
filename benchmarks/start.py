"""
How long `serve` takes from its start to its first answer, and what it holds then.

    python -m benchmarks.start            seven starts, medians; the first makes the tables
"""

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks import processes
from letterhead.demo.stand import end, start_service


def started(folder: Path) -> tuple[float, float]:
    """Start it once; gives seconds until it answered, and MB that it held."""
    settings = {
        "LETTERHEAD_DATA_DIR": str(folder / "data"),
        "LETTERHEAD_LISTEN": "127.0.0.1:0",
    }
    (folder / "log").unlink(missing_ok=True)  # it says there where it listens
    began = time.perf_counter()
    process, _ = start_service(settings, folder / "log")
    seconds = time.perf_counter() - began
    held = processes.memory([process.pid])
    end(process)
    return seconds, held


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=7)
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="letterhead-start-") as name:
        first, *later = [started(Path(name)) for _ in range(asked.starts)]
    table = Table("start", "seconds to the first answer", "MB held then")
    table.add_row("the first, which makes the tables", f"{first[0]:.2f}", f"{first[1]:.0f}")
    seconds, held = zip(*later, strict=True)
    span = f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
    table.add_row(f"{len(later)} more, median", span, f"{statistics.median(held):.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
