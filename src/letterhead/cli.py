"""The operator's door: `letterhead ...`."""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, NoReturn

import structlog
import typer
import uvloop
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from structlog.tracebacks import ExceptionDictTransformer

from letterhead import __version__, demo, service
from letterhead.actions import portals
from letterhead.doctor import examine
from letterhead.errors import Invalid, LetterheadError, Misconfigured
from letterhead.mail import address, faults
from letterhead.mail.faults import Fault
from letterhead.mail.portal import Portal, Principal, Role, Scope
from letterhead.mail.providers import PROVIDERS, Provider
from letterhead.mail.reply import Reply, Stage, read_reply
from letterhead.mail.spf import State
from letterhead.store.keys import new_key

PLATFORM = Principal(None, frozenset())  # the operator may do everything

# What people call the stages, as SMTP does, and their names in a test.
PHASES: Mapping[str, Stage | None] = {
    "connect": Stage.CONNECT,
    "auth": Stage.SIGN_IN,
    "mail": Stage.SENDER,
    "rcpt": Stage.RECIPIENT,
    "data": Stage.MESSAGE,
    "any": None,
    **{each.value: each for each in Stage},
}

app = typer.Typer(
    name="letterhead",
    help="Sends a platform's mail in the name of each of its portals.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
portal_app = typer.Typer(help="Portals.", no_args_is_help=True)
user_app = typer.Typer(help="People.", no_args_is_help=True)
key_app = typer.Typer(help="API keys.", no_args_is_help=True)
app.add_typer(portal_app, name="portal")
app.add_typer(user_app, name="user")
app.add_typer(key_app, name="key")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> NoReturn:
    """Run one command; what goes wrong is one line on stderr."""
    _log_to_stderr()
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except typer.TyperException as error:
        _fail(error.format_message(), 2)
    except (typer.Abort, KeyboardInterrupt):
        _fail("stopped", 130)
    except Invalid as error:
        _fail(str(error), 2)
    except LetterheadError as error:
        _fail(str(error), 1)


@app.command()
def serve() -> None:
    """Run everything in one process: API, command line and delivery."""
    uvloop.run(service.serve(service.settings()))


@app.command()
def web() -> None:
    """Run the doors alone; needs PostgreSQL."""
    _needs_postgresql("web")


@app.command()
def work() -> None:
    """Run delivery alone; needs PostgreSQL."""
    _needs_postgresql("work")


@app.command()
def migrate(
    copy_from: Annotated[
        str | None,
        typer.Option(help="A SQLite file (sqlite:///PATH) to fill an empty PostgreSQL from."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """
    Bring the tables of the database up to date.

    With --copy-from, a whole installation moves from SQLite to PostgreSQL: all of it or nothing.
    """
    config = service.settings()
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("")

        def show(table: str, done: int, total: int) -> None:
            bar.update(task, description=table, completed=done, total=total)

        copied = asyncio.run(service.migrate(config, copy_from=copy_from, progress=show))
    if copied or as_json:
        _print(map(asdict, copied), as_json=as_json)
    else:
        print("The tables are up to date.")


@app.command()
def doctor(*, as_json: AsJson = False) -> int:
    """Check configuration, database, key, DNS and the way out; exit 1 on a fault."""
    findings = asyncio.run(examine(service.settings()))
    _print(map(asdict, findings), as_json=as_json)
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
    rotated = asyncio.run(service.rotate_key(service.settings(), drop_old=drop_old))
    _print([asdict(rotated)], as_json=as_json)
    return 1 if rotated.locked else 0


@app.command("check-domain")
def check_domain(
    domain: str,
    provider: Annotated[str, typer.Option(help="The provider that is to send.")] = "other",
    *,
    as_json: AsJson = False,
) -> int:
    """Say how the SPF record of a domain stands, and what to publish; exit 1 unless it passes."""
    chosen = _provider(provider)
    try:
        name = address.domain(domain)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    found = asyncio.run(service.check_domain(service.settings(), name, chosen))
    _print_check(found, as_json=as_json)
    return 0 if found["spf"]["state"] == State.PASS.value else 1


@app.command("explain-reply")
def explain_reply(
    reply: Annotated[str, typer.Argument(help='What the server said: "535 5.7.8 ..."')],
    phase: Annotated[
        str,
        typer.Option(help="What it answered: connect, auth, mail, rcpt, data; any guesses."),
    ] = "any",
    provider: Annotated[str, typer.Option(help="The provider that said it.")] = "other",
    *,
    as_json: AsJson = False,
) -> None:
    """
    Say what a server's reply means, and what to do.

    It may have several lines. The phase may be a stage of a test, too.
    """
    chosen, stage = _provider(provider), _stage(phase)
    read = read_reply(reply, stage)
    if read is None:
        raise typer.BadParameter('A reply starts with its code, as in "535 5.7.8 Bad credentials".')
    found = faults.of(read, provider=chosen.key, anywhere=stage is None)
    _print_fault(found, read, as_json=as_json)


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
    return demo.run(messages, stay=stays)


@portal_app.command("add")
def portal_add(slug: str, name: str, *, as_json: AsJson = False) -> None:
    """Add a portal; its mail leaves by the platform's route at first."""

    async def run() -> Portal:
        async with service.opened(service.settings()) as (_, store), store.platform() as rows:
            return await portals.add(rows, slug, name, service.now())

    _print([_row(asyncio.run(run()))], as_json=as_json)


@portal_app.command("list")
def portal_list(*, as_json: AsJson = False) -> None:
    """List every portal."""

    async def run() -> list[Portal]:
        found: list[Portal] = []
        async with service.opened(service.settings()) as (_, store), store.look_around() as rows:
            while page := await rows.portals(after=found[-1].slug if found else "", limit=500):
                found += page
        return found

    _print(map(_row, asyncio.run(run())), as_json=as_json)


@portal_app.command("show")
def portal_show(slug: str, *, as_json: AsJson = False) -> None:
    """Show one portal."""
    _print([_row(asyncio.run(_portal(slug)))], as_json=as_json)


@user_app.command("add")
def user_add(
    email: str,
    role: Annotated[Role, typer.Option(help="What the person may do.")],
    portal: Annotated[str | None, typer.Option(help="The portal; an operator has none.")] = None,
) -> None:
    """Add a person."""

    async def run() -> None:
        belongs = await _portal(portal) if portal else None
        async with service.opened(service.settings()) as (_, store), store.platform() as rows:
            await portals.add_person(rows, email, role, belongs, now=service.now())

    asyncio.run(run())
    print(f"{email} is {role.value}{f' of {portal}' if portal else ''}.")


@key_app.command("create")
def key_create(
    portal: Annotated[str | None, typer.Option(help="The portal that the key is for.")] = None,
    *,
    platform: Annotated[bool, typer.Option("--platform", help="A key for everything.")] = False,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may do; repeatable.")] = None,
) -> None:
    """Issue a key and print it alone; it cannot be shown again."""
    if platform is (portal is not None):
        raise typer.BadParameter("Say either --portal P or --platform.")

    async def run() -> str:
        belongs = await _portal(portal) if portal else None
        scopes = scope or (list(Scope) if belongs else [])
        async with service.opened(service.settings()) as (_, store), store.platform() as rows:
            key = await portals.issue_key(rows, belongs, name, scopes, now=service.now())
            return key.reveal()

    print(asyncio.run(run()))


@app.callback(invoke_without_command=True)
def _version(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"letterhead {__version__}")
        raise typer.Exit


async def _portal(slug: str) -> Portal:
    async with service.opened(service.settings()) as (_, store), store.look_around() as rows:
        return await portals.find(rows, slug, PLATFORM)


def _row(portal: Portal) -> dict[str, str]:
    return {"slug": portal.slug, "name": portal.name, "type": portal.live.type.value}


def _print(rows: Iterable[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON for programs."""
    found = list(rows)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table(*(found[0] if found else ["Nothing yet."]), box=None, pad_edge=False)
    for row in found:
        table.add_row(*map(str, row.values()))
    Console(markup=False, highlight=False).print(table)


def _print_fault(found: Fault, reply: Reply, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(faults.shown(found, reply.row), indent=2))
        return
    print(f"{found.title} ({found.code})\n\n{found.meaning}\n")
    for number, step in enumerate(found.steps, 1):
        print(f"{number}. {step}")
    print(f"\nWho must act: {found.who}. Retry: {found.retry.value}.")


def _stage(phase: str) -> Stage | None:
    """The stage that a phase names; None if it is to be guessed."""
    if phase not in PHASES:
        raise typer.BadParameter(f"There is no phase {phase!r}: say {', '.join(PHASES)}.")
    return PHASES[phase]


def _provider(key: str) -> Provider:
    if key not in PROVIDERS:
        raise typer.BadParameter(f"There is no provider {key!r}: say {', '.join(PROVIDERS)}.")
    return PROVIDERS[key]


def _print_check(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, indent=2))
        return
    spf = found["spf"]
    print(f"SPF of {found['domain']}: {spf['state']}. {spf['detail']}")
    print(f"Found:    {spf['found'] or 'no record'}")
    if record := spf["record"]:
        print(f"Publish:  {record['name']}  {record['type']}  {record['value']}")
    print(f"Look-ups: {spf['lookups']}, and {spf['lookups_after']} with what is to be published")
    for name in ("dkim", "dmarc"):
        print(f"{name.upper() + ':':<10}{found[name]['state']}. {found[name]['detail']}")
    if record := found["dmarc"]["record"]:
        print(f"Publish:  {record['name']}  {record['type']}  {record['value']}")
    print(f"MX:       {', '.join(found['mx']['found']) or found['mx']['state']}")
    for rule in found["sender_rules"]:
        print(f"{rule['receivers']}, {rule['of']}: {rule['state']}. {rule['detail']}")


def _needs_postgresql(command: str) -> NoReturn:
    service.settings()
    raise Misconfigured(
        f"{command} shares work between processes, which needs PostgreSQL: use serve."
    )


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
