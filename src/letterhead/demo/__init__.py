"""`letterhead demo`: proves the main job on this machine, with a mail server of its own."""

import signal

import httpx
from rich.console import Console
from rich.table import Table

from letterhead.demo.journey import Journey, Unexpected
from letterhead.demo.stand import Stand, stand
from letterhead.demo.tally import Tally

__all__ = ["run"]


def run(messages: int, *, stay: bool) -> int:
    """Show it, print `demo: ok` as the last line, and give 0; or say what failed, and give 1."""
    console = Console(markup=False, highlight=False)
    try:
        _show(console, messages, stay=stay)
    except (Unexpected, RuntimeError, OSError, httpx.HTTPError) as error:
        print(f"demo: failed: {error}")
        return 1
    print("demo: ok")
    return 0


def _show(console: Console, messages: int, *, stay: bool) -> None:
    with stand() as where:
        journey = Journey(where, console)
        try:
            journey.set_up()
            found = journey.send(messages)
        finally:
            journey.close()
        console.print(_table(found))
        if not found.complete:
            raise Unexpected("not every message arrived exactly once")
        if stay:
            _stay(console, where)


def _table(found: Tally) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in found.rows.items():
        table.add_row(name, value)
    return table


def _stay(console: Console, where: Stand) -> None:
    console.print(f"The service goes on at {where.address}; its key: {where.key}")
    console.print("Ctrl-C ends it.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print()
