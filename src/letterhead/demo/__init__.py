"""`letterhead demo`: proves the main job on this machine, with a mail server of its own."""

import contextlib
import secrets
import signal

import httpx
from rich.console import Console
from rich.table import Table

from letterhead.demo.journey import SLUG, Journey, Unexpected
from letterhead.demo.stand import Stand, stand
from letterhead.demo.tally import Tally

__all__ = ["run"]

OPERATOR = "operator@letterhead.example"


def run(messages: int, *, stay: bool) -> int:
    """
    Show it, print `demo: ok` as the last line, and give 0; or say what failed, and give 1.

    With `stay` the service goes on afterwards, until Ctrl-C.
    """
    console = Console(markup=False, highlight=False)
    try:
        with stand() as where:
            _show(console, where, messages)
            if stay:
                password = _sign_up(where)
                console.print(f"The service goes on until Ctrl-C. Its pages: {where.address}")
                console.print(f"Sign in as {OPERATOR} with the password {password}")
                console.print(f"Its platform key: {where.key}")
                console.print(
                    f"SMTP: {where.submission} with STARTTLS, user {SLUG}, password: that key"
                )
            print("demo: ok", flush=True)
            _wait(until_stopped=stay)
    except (Unexpected, RuntimeError, OSError, httpx.HTTPError) as error:
        print(f"demo: failed: {error}")
        return 1
    return 0


def _show(console: Console, where: Stand, messages: int) -> None:
    journey = Journey(where, console)
    try:
        journey.set_up()
        found = journey.send(messages)
    finally:
        journey.close()
    console.print(_table(found))
    if not found.complete:
        raise Unexpected("not every message arrived exactly once")


def _sign_up(where: Stand) -> str:
    """Make the first operator; gives the password."""
    password = secrets.token_urlsafe(12)
    form = {"email": OPERATOR, "password": password}
    if httpx.post(where.set_up, data=form).is_error:
        raise Unexpected("the first operator could not be made")
    return password


def _wait(*, until_stopped: bool) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        while until_stopped:
            signal.pause()


def _table(found: Tally) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in found.rows.items():
        table.add_row(name, value)
    return table
