"""Questions that need no portal: a domain's records, and what a reply means."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

import typer

from letterhead import operating
from letterhead.cli.output import AsJson, print_check, print_fault
from letterhead.mail import address, faults
from letterhead.mail.providers import PROVIDERS, Provider
from letterhead.mail.reply import Stage, read_reply
from letterhead.mail.spf import State

app = typer.Typer()

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
    found = asyncio.run(operating.check_domain(operating.settings(), name, chosen))
    print_check(found, as_json=as_json)
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
    print_fault(found, read, as_json=as_json)


def _stage(phase: str) -> Stage | None:
    """The stage that a phase names; None if it is to be guessed."""
    if phase not in PHASES:
        raise typer.BadParameter(f"There is no phase {phase!r}: say {', '.join(PHASES)}.")
    return PHASES[phase]


def _provider(key: str) -> Provider:
    if key not in PROVIDERS:
        raise typer.BadParameter(f"There is no provider {key!r}: say {', '.join(PROVIDERS)}.")
    return PROVIDERS[key]
