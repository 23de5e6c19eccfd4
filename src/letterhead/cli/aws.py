"""The operator's AWS account: what SES needs there to report what became of mails."""

import asyncio
import json
from typing import Annotated

import typer

from letterhead import operating, outward
from letterhead.cli.output import AsJson, print_rows
from letterhead.outward import AwsSetup

app = typer.Typer(no_args_is_help=True, help="Set up the AWS account that mail is sent by.")


@app.callback()
def _group() -> None:
    """Keep `setup` a command of a group, though it is the only one."""


@app.command()
def setup(
    region: Annotated[
        str, typer.Option(help="The region of Amazon SES; by default that of the platform's route.")
    ] = "",
    *,
    queue: Annotated[
        bool | None,
        typer.Option(
            help="Let reports wait in a queue; the default where we have no HTTPS address."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be made, and make nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Make the configuration set, the topic and the subscription by which Amazon SES reports.

    It may be run again: what is there is left, or set right. It shows what it makes, the variables
    to start the service with, and the permissions that the service needs in AWS.
    """
    wanted = AwsSetup(region, in_queue=queue, dry_run=dry_run)
    found = asyncio.run(outward.set_up_aws(operating.settings(), wanted))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    print_rows(found["steps"], as_json=False)
    print("\nStart the service with:\n")
    for name, value in found["variables"].items():
        print(f"{name}={value}")
    print("\nWhat the service must be allowed in AWS:\n")
    print(json.dumps(found["policy"], indent=2))
