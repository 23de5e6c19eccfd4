"""Portals, people and keys."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from letterhead import operating
from letterhead.actions import people, portals
from letterhead.cli.output import AsJson, print_row, print_rows, table_by_table
from letterhead.mail.portal import OPERATOR, Portal, Role, Scope

BY = "command line"  # whose hand it was, in the history

portal_app = typer.Typer(help="Portals.", no_args_is_help=True)
user_app = typer.Typer(help="People.", no_args_is_help=True)
key_app = typer.Typer(help="API keys.", no_args_is_help=True)


@portal_app.command("add")
def portal_add(slug: str, name: str, *, as_json: AsJson = False) -> None:
    """Add a portal; its mail leaves by the platform's route at first."""

    async def run() -> Portal:
        async with (
            operating.opened(operating.settings()) as (_, store),
            store.platform(by=BY) as rows,
        ):
            return await portals.add(rows, slug, name, operating.now())

    print_row(_row(asyncio.run(run())), as_json=as_json)


@portal_app.command("list")
def portal_list(*, as_json: AsJson = False) -> None:
    """List every portal."""

    async def run() -> list[Portal]:
        found: list[Portal] = []
        async with (
            operating.opened(operating.settings()) as (_, store),
            store.look_around() as rows,
        ):
            while page := await rows.portals(after=found[-1].slug if found else "", limit=500):
                found += page
        return found

    print_rows(map(_row, asyncio.run(run())), as_json=as_json)


@portal_app.command("show")
def portal_show(slug: str, *, as_json: AsJson = False) -> None:
    """Show one portal."""
    print_row(_row(asyncio.run(_portal(slug))), as_json=as_json)


@portal_app.command("export")
def portal_export(slug: str) -> None:
    """Print all that is kept of a portal as lines of JSON, without passwords, keys and bodies."""

    async def run() -> None:
        portal = await _portal(slug)
        async with operating.opened(operating.settings()) as (_, store):
            async with store.portal(portal, by=BY) as desk:
                await portals.export(desk, operating.now())
            async for line in store.rows_of(portal):
                print(line, end="")

    asyncio.run(run())


@portal_app.command("delete")
def portal_delete(
    slug: str,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone.")] = False,
    discard_waiting: Annotated[
        bool, typer.Option("--discard-waiting", help="Mail that waits is never sent.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a portal and all that it has; a service that runs removes it within minutes."""
    if not yes:
        raise typer.BadParameter(f"Say --yes to delete {slug}: it cannot be undone.")

    async def run() -> int:
        portal = await _portal(slug)
        async with (
            operating.opened(operating.settings()) as (_, store),
            store.portal(portal, by=BY) as desk,
        ):
            return await portals.delete(desk, operating.now(), by=BY, discards=discard_waiting)

    print_row({"slug": slug, "discarded": asyncio.run(run())}, as_json=as_json)


@portal_app.command("move")
def portal_move(
    slug: str,
    to: Annotated[str, typer.Option(help="The database of the other cell (postgresql://…).")],
    *,
    as_json: AsJson = False,
) -> None:
    """
    Move a portal to another cell, and compare it there; services of both may run meanwhile.

    It takes no mail until this has ended. If it is cut off, say it again.
    """
    config = operating.settings()
    with table_by_table() as show:
        copied = asyncio.run(operating.move_portal(config, slug, to, show))
    print_rows([asdict(each) for each in copied if each.rows], as_json=as_json)


@user_app.command("add")
def user_add(
    email: str,
    role: Annotated[Role, typer.Option(help="What the person may do.")],
    portal: Annotated[str | None, typer.Option(help="The portal; an operator has none.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Add a person, and print a link by which they choose a password."""

    async def run() -> str:
        belongs = await _portal(portal) if portal else None
        config = operating.settings()
        async with operating.opened(config) as (_, store):
            async with store.platform(by=BY) as rows:
                await portals.add_person(rows, email, role, belongs, now=operating.now())
            invited = people.Invitation(email, role, belongs)
            return await people.invite(store, config.public_url, invited, operating.now())

    link = asyncio.run(run())
    if as_json:
        added = {"email": email, "role": role.value, "portal": portal, "url": link}
        print_row(added, as_json=True)
        return
    print(
        f"{email} is {role.value}{f' of {portal}' if portal else ''}, and accepts it by this link."
    )
    print(f"To choose a password or to sign in, within three days: {link}")


@user_app.command("reset")
def user_reset(email: str) -> None:
    """Print a link for a new password; the old one and the second step count no more."""

    async def run() -> str:
        config = operating.settings()
        async with operating.opened(config) as (_, store):
            return await people.reset(store, config.public_url, email, operating.now())

    link = asyncio.run(run())
    print(f"Whoever was signed in as {email} is signed out.")
    print(f"To choose a new password, within three days: {link}")


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
        async with (
            operating.opened(operating.settings()) as (_, store),
            store.platform(by=BY) as rows,
        ):
            key = await portals.issue_key(rows, belongs, name, scopes, now=operating.now())
            return key.reveal()

    print(asyncio.run(run()))


async def _portal(slug: str) -> Portal:
    async with operating.opened(operating.settings()) as (_, store):
        return await portals.acting(store, slug, OPERATOR)


def _row(portal: Portal) -> dict[str, str]:
    return {"slug": portal.slug, "name": portal.name, "type": portal.live.type.value}
