"""Running the service, and looking after it."""

import asyncio
import sys
from dataclasses import asdict
from functools import partial
from importlib import import_module
from typing import Annotated

import typer
import uvloop

from letterhead import memory, operating
from letterhead.cli.output import AsJson, print_rows, table_by_table
from letterhead.delivery.lanes import AT_ONCE
from letterhead.doctor import examine
from letterhead.errors import Misconfigured
from letterhead.store import numbers
from letterhead.store.keys import new_key

app = typer.Typer()


@app.command()
def serve() -> None:
    """Run everything in one process: pages, API and delivery."""
    _run(operating.Part())


@app.command()
def web() -> None:
    """Run the doors alone, beside `work`; needs PostgreSQL."""
    _run(operating.Part(lanes_at_once=0), "web")


@app.command()
def work(
    concurrency: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many lanes are worked on at a time.")
    ] = AT_ONCE,
) -> None:
    """
    Run delivery alone, on as many machines as you like; needs PostgreSQL.

    A lane is the mail of one portal; each is worked on by one process at a time.
    """
    _run(operating.Part(doors=False, lanes_at_once=concurrency), "work")


@app.command()
def migrate(
    copy_from: Annotated[
        str | None,
        typer.Option(help="A SQLite file (sqlite:///PATH) to fill an empty PostgreSQL from."),
    ] = None,
    cell: Annotated[
        int | None,
        typer.Option(
            min=0, max=numbers.CELLS - 1, help="Which of several cells: numbers are of its range."
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """
    Bring the tables of the database up to date.

    With --copy-from, a whole installation moves from SQLite to PostgreSQL: all of it or nothing.
    """
    config = operating.settings()
    with table_by_table() as show:
        copied = asyncio.run(
            operating.migrate(config, copy_from=copy_from, cell=cell, progress=show)
        )
    if copied or as_json:
        print_rows(map(asdict, copied), as_json=as_json)
    else:
        print("The tables are up to date.")


@app.command()
def doctor(*, as_json: AsJson = False) -> int:
    """Check configuration, database, key, DNS and the way out; exit 1 on a fault."""
    findings = asyncio.run(examine(operating.settings()))
    print_rows(map(asdict, findings), as_json=as_json)
    return 1 if any(each.state == "fault" for each in findings) else 0


@app.command("rotate-key")
def rotate_key(
    *,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Drop the old keys, some time after a turn.")
    ] = False,
    print_new: Annotated[
        bool, typer.Option("--print-new", help="Print a new key, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """
    Put a new key in front of the ring, and seal every stored password with it.

    A service may run meanwhile. Exit 1 if passwords are left that no key opens.
    """
    if print_new:
        print(new_key().reveal())
        return 0
    rotated = asyncio.run(operating.rotate_key(operating.settings(), drop_old=drop_old))
    print_rows([asdict(rotated)], as_json=as_json)
    return 1 if rotated.locked else 0


@app.command("demo")
def run_demo(
    messages: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many to send.")] = 1000,
    stay: Annotated[
        bool | None,
        typer.Option("--stay/--no-stay", help="Keep the service running afterwards."),
    ] = None,
) -> int:
    """Prove the main job on this machine, with a mail server of its own."""
    stays = sys.stdout.isatty() if stay is None else stay
    status: int = import_module("letterhead.demo").run(messages, stay=stays)
    return status


def _run(part: operating.Part, command: str = "") -> None:
    config = operating.settings()
    if command and not config.database_url.startswith("postgresql"):
        raise Misconfigured(
            f"{command} shares work between processes, which needs PostgreSQL: use serve."
        )
    announce = partial(print, flush=True)
    memory.share_one_pool()
    # Pages and API take other commands longer to load than to run.
    with memory.loading():
        service = import_module("letterhead.service")
    uvloop.run(service.serve(config, announce, partial(examine, config), part))
