"""How answers are printed: as tables for people, as JSON for programs."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich import progress
from rich.console import Console
from rich.table import Table

from letterhead.mail import faults
from letterhead.mail.faults import Fault
from letterhead.mail.reply import Reply
from letterhead.store.copying import Progress

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def print_rows(rows: Iterable[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON for programs."""
    found = list(rows)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table(*(found[0] if found else ["Nothing yet."]), box=None, pad_edge=False)
    for row in found:
        table.add_row(*map(str, row.values()))
    Console(markup=False, highlight=False).print(table)


@contextmanager
def table_by_table() -> Iterator[Progress]:
    """A bar at a terminal, which is told how far the rows of which table are copied."""
    with progress.Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("")

        def show(table: str, done: int, total: int) -> None:
            bar.update(task, description=table, completed=done, total=total)

        yield show


def print_row(row: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing as a table, or as an object of JSON for programs."""
    if as_json:
        print(json.dumps(row, indent=2))
    else:
        print_rows([row], as_json=False)


def print_fault(found: Fault, reply: Reply, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(faults.shown(found, reply.row), indent=2))
        return
    print(f"{found.title} ({found.code})\n\n{found.meaning}\n")
    for number, step in enumerate(found.steps, 1):
        print(f"{number}. {step}")
    print(f"\nWho must act: {found.who}. Retry: {found.retry.value}.")


def print_check(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, indent=2))
        return
    spf = found["spf"]
    print(f"SPF of {found['domain']}: {spf['state']}. {spf['detail']}")
    print(f"Found:    {(spf['found'] or 'nothing').replace(chr(10), chr(10) + ' ' * 10)}")
    if record := spf["record"]:
        print(f"Publish:  {record['name']}  {record['type']}  {record['value']}")
        print(f"Look-ups: {spf['lookups']} of 10, and {spf['lookups_after']} with this record")
    else:
        print(f"Look-ups: {spf['lookups']} of 10")
    for name in ("dkim", "dmarc"):
        print(f"{name.upper() + ':':<10}{found[name]['state']}. {found[name]['detail']}")
    if record := found["dmarc"]["record"]:
        print(f"Publish:  {record['name']}  {record['type']}  {record['value']}")
    none = "DNS did not answer" if found["mx"]["state"] == "unknown" else "none"
    print(f"MX:       {', '.join(found['mx']['found']) or none}")
    for rule in found["sender_rules"]:
        print(f"{rule['receivers']}, {rule['of']}: {rule['state']}. {rule['detail']}")
