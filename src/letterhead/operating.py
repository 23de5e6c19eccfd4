"""What an operator does beside a service: open the store, tend tables and keys, hand mail in."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from letterhead import config as configuration
from letterhead import failpoints
from letterhead.actions import portals, rotation
from letterhead.actions.domains import About, check
from letterhead.actions.messages import Intake, Request
from letterhead.actions.rotation import Rotated
from letterhead.config import Config
from letterhead.delivery.lanes import AT_ONCE
from letterhead.dns import Dns
from letterhead.errors import Conflict, Misconfigured
from letterhead.mail.letter import Receipt
from letterhead.mail.portal import OPERATOR, Ids
from letterhead.mail.providers import Provider
from letterhead.mail.raw import RawMessage
from letterhead.mail.sender import Platform
from letterhead.mail.spf_record import Network
from letterhead.store import copying, moving, numbers
from letterhead.store.committer import Committer
from letterhead.store.database import Database
from letterhead.store.keys import KeyFile, Ring, new_key
from letterhead.store.store import Store
from letterhead.store.vault import Vault

Announce = Callable[[str], None]

log = structlog.get_logger(__name__)


def now() -> datetime:
    """The one place where the clock is read."""
    return datetime.now(UTC)  # noqa: TID251 - this is that place


def settings() -> Config:
    """The settings of this process; Misconfigured names the variable that is not right."""
    return configuration.read()


@dataclass(frozen=True, slots=True)
class Part:
    """What of the service this process runs: the doors, the work, or both."""

    doors: bool = True
    lanes_at_once: int = AT_ONCE  # 0: it does not work


@asynccontextmanager
async def opened(config: Config, *, alone: bool = False) -> AsyncIterator[tuple[Database, Store]]:
    """The store, its tables up to date; beside a service that may run, unless it is `alone`."""
    failpoints.arm(config.failpoint)
    _make_folder(config)
    database = Database(config.database_url)
    try:
        with database.alone() if alone else nullcontext():
            await database.prepare()
            yield database, Store(database, Vault(_ring(config)))
    finally:
        await database.close()


async def demand_ring(config: Config) -> None:
    """Refuse to make a key of our own where others have sealed passwords with theirs."""
    if config.secret_keys or config.secret_keys_file.exists():
        return
    database = Database(config.database_url)
    try:
        await database.prepare()
        if await Store(database, Vault(lambda: [new_key()])).locked():
            raise Misconfigured(
                "LETTERHEAD_SECRET_KEYS: secrets are stored, and their key is not here: "
                "set the key ring of the other processes."
            )
    finally:
        await database.close()


async def check_domain(config: Config, domain: str, provider: Provider) -> Mapping[str, Any]:
    """What DNS says of a domain; for the command line."""
    about = About(domain, provider, networks=networks(config))
    return await check(dns(config), about, now())


async def migrate(
    config: Config, *, copy_from: str | None, cell: int | None, progress: copying.Progress
) -> Sequence[copying.Copied]:
    """
    Bring the tables up to date; with `copy_from`, fill them from a SQLite file.

    With `cell`, numbers are given from the range of that cell.
    """
    _make_folder(config)
    if cell is not None:
        moving.demand_cells(config.database_url)
    copied: Sequence[copying.Copied] = ()
    if copy_from is not None:
        copied = await asyncio.to_thread(copying.copy, copy_from, config.database_url, progress)
    else:
        async with _database(config.database_url) as database:
            await database.migrate()
    if cell is not None:
        await asyncio.to_thread(numbers.begin, config.database_url, cell)
    return copied


async def move_portal(
    config: Config, slug: str, to: str, progress: copying.Progress
) -> Sequence[copying.Copied]:
    """Move a portal to the cell with the database `to`; services of both may run meanwhile."""
    moving.demand_cells(config.database_url, to)
    async with opened(config) as (_, store), _database(to) as other:
        await other.prepare()
        if await Store(other, store.vault).locked():
            raise Conflict("The secrets of that cell need another key ring: cells share one.")
    return await asyncio.to_thread(
        partial(moving.move, config.database_url, to, slug, now=now(), progress=progress)
    )


async def rotate_key(config: Config, *, drop_old: bool) -> Rotated:
    """Turn the key ring; for the command line, beside a service that may run."""
    async with opened(config) as (_, store):
        ring = None if config.secret_keys else KeyFile(config.secret_keys_file)
        return await (rotation.drop_old(store, ring) if drop_old else rotation.turn(store, ring))


async def hand_in(config: Config, slug: str, messages: Sequence[RawMessage]) -> Sequence[str]:
    """Keep messages of a portal, all or none, beside a service that may run; gives their ids."""
    async with opened(config) as (database, store):
        portal = await portals.acting(store, slug, OPERATOR)
        committer = Committer(database)
        intake = Intake(committer, Ids(), platform(config))
        async with committer.at_work():
            kept = await intake.accept(portal, [Request(each) for each in messages], now())
    return [each.id for each in kept if isinstance(each, Receipt)]


@asynccontextmanager
async def _database(url: str) -> AsyncIterator[Database]:
    made = Database(url)
    try:
        yield made
    finally:
        await made.close()


def _ring(config: Config) -> Ring:
    """The operator's keys, else those of the file, which is made at the first start."""
    if config.secret_keys:
        return lambda: config.secret_keys
    file = KeyFile(config.secret_keys_file)
    file.make()
    return file


def platform(config: Config) -> Platform:
    """Who the mail comes from."""
    return Platform(config.platform_name, config.default_from, config.redirect_all_to)


def _make_folder(config: Config) -> None:
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        message = f"LETTERHEAD_DATA_DIR: {config.data_dir} cannot be made: {error.strerror}."
        raise Misconfigured(message) from error


def networks(config: Config) -> Sequence[Network]:
    """The addresses that mail comes from."""
    return [ipaddress.ip_network(each) for each in config.sending_addresses]


def dns(config: Config) -> Dns:
    """Who answers our questions about names."""
    return Dns(config.dns_servers, roots=config.dns_roots, allowed=config.allowed)
