"""The operator's door: `letterhead ...`."""

import os
import sys
from typing import Annotated, NoReturn

import structlog
import typer
from structlog.tracebacks import ExceptionDictTransformer

from letterhead import __version__
from letterhead.cli import aws, people, questions, running, sending
from letterhead.errors import Invalid, LetterheadError

app = typer.Typer(
    name="letterhead",
    help="Sends a platform's mail in the name of each of its portals.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(running.app)
app.add_typer(questions.app)
app.add_typer(sending.app)
app.add_typer(aws.app, name="aws")
app.add_typer(people.portal_app, name="portal")
app.add_typer(people.user_app, name="user")
app.add_typer(people.key_app, name="key")


def main() -> NoReturn:
    """Run one command; what goes wrong is one line on stderr."""
    _log_to_stderr()
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except typer.TyperException as error:
        _misused(error)
    except (typer.Abort, KeyboardInterrupt):
        _fail("stopped", 130)
    except Invalid as error:
        _fail(str(error), 2)
    except LetterheadError as error:
        _fail(str(error), 1)


@app.callback(invoke_without_command=True)
def _version(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"letterhead {__version__}")
        raise typer.Exit


def _misused(error: typer.TyperException) -> NoReturn:
    """Where no command was named, the message is the help."""
    message = error.format_message()
    if message.startswith("Usage: "):
        print(message, file=sys.stderr)
        sys.exit(2)
    context = getattr(error, "ctx", None)
    is_send = context is not None and context.info_name == sending.NAME
    _fail(message, os.EX_USAGE if is_send else 2)


def _fail(message: str, status: int) -> NoReturn:
    print(f"letterhead: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)


def _log_to_stderr() -> None:
    """
    Log events with fields: for people at a terminal, as JSON lines elsewhere.

    Tracebacks never show the values of variables: a password may be among them.
    """
    frames = ExceptionDictTransformer(show_locals=False)
    last = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if sys.stderr.isatty()
        else [
            structlog.processors.ExceptionRenderer(frames),
            structlog.processors.JSONRenderer(),
        ]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *last,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
