"""`letterhead send`: messages as files, or from a program that calls it as `sendmail -t`."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from letterhead import operating
from letterhead.cli.output import AsJson, print_rows
from letterhead.errors import (
    Conflict,
    Invalid,
    LetterheadError,
    Misconfigured,
    NotFound,
    TooLarge,
    Unavailable,
)
from letterhead.mail import raw
from letterhead.mail.raw import RawMessage

app = typer.Typer()

NAME = "send"  # the one command whose exit codes are those of sysexits.h

# What callers of sendmail know (sysexits.h): which of them a caller may repeat is the point.
STATUS: Mapping[type[LetterheadError], int] = {
    Conflict: os.EX_DATAERR,
    NotFound: os.EX_NOUSER,
    Misconfigured: os.EX_CONFIG,
    Unavailable: os.EX_TEMPFAIL,
}


@app.command(NAME)
def send(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Messages (RFC 5322), .eml; - reads one from stdin.")
    ] = None,
    *,
    portal: Annotated[str, typer.Option(help="In whose name; the portal's short name.")],
    from_stdin: Annotated[
        bool, typer.Option("-t", help="Read one message from stdin and print nothing, as sendmail.")
    ] = False,
    dots: Annotated[
        bool, typer.Option("-i", help="A line with a dot alone does not end the message.")
    ] = False,
    _options: Annotated[
        list[str] | None,
        typer.Option("-o", "-b", help="Of sendmail: -oi is -i, others are ignored."),
    ] = None,
    _sender: Annotated[
        str, typer.Option("-f", "-r", "-F", help="Of sendmail: ignored, From is the portal's.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """
    Hand messages in, all or none, to the recipients of their To, Cc and Bcc.

    Prints the id of each; they are on disk then. Exit codes are those of sysexits.h: 64 wrong
    use, 65 a message that is not right, 66 a file that cannot be read, 67 no such portal,
    75 try again later, 78 a setting that is not right.
    """
    if from_stdin is bool(files):
        _stop("Name files, or read a message from stdin by -t.", os.EX_USAGE)
    ends_at_dot = not dots and "i" not in (_options or ())
    found = map(_read, files) if files else [("stdin", _stdin(ends_at_dot=ends_at_dot))]
    messages = [_parsed(*each) for each in found]
    with _sysexits():
        ids = asyncio.run(operating.hand_in(operating.settings(), portal, messages))
    if files:
        _print_ids(ids, as_json=as_json)


def _print_ids(ids: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_rows([{"id": each} for each in ids], as_json=True)
    else:
        print("\n".join(ids))


@contextmanager
def _sysexits() -> Iterator[None]:
    """Leave with the status that tells the caller what to do."""
    try:
        yield
    except LetterheadError as error:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 1)
        _stop(str(error), status)


def _read(path: Path) -> tuple[str, bytes]:
    try:
        return str(path), _stdin() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        _stop(f"{path}: {error.strerror}.", os.EX_NOINPUT)


def _parsed(name: str, octets: bytes) -> RawMessage:
    try:
        return raw.read(octets, date=operating.now())
    except (Invalid, TooLarge) as error:
        _stop(f"{name}: {error}", os.EX_DATAERR)


def _stdin(*, ends_at_dot: bool = False) -> bytes:
    octets = sys.stdin.buffer.read()
    before, dot, _ = octets.partition(b"\n.\n")
    return before + b"\n" if ends_at_dot and dot else octets


def _stop(message: str, status: int) -> NoReturn:
    print(f"letterhead: {' '.join(message.split())}", file=sys.stderr)
    raise typer.Exit(status)
