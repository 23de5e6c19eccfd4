"""What may be wrong with an installation, found before the first mail finds it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import urlsplit

from letterhead import listening, operating, outward
from letterhead.actions.premises import Finding
from letterhead.config import Config
from letterhead.egress import tls_context
from letterhead.errors import LetterheadError, Unreachable
from letterhead.mail import faults
from letterhead.mail.reply import Kind
from letterhead.mail.ses import SesRoute
from letterhead.mail.settings import SES
from letterhead.store import bodies, server
from letterhead.submission import certificate
from letterhead.submission.certificate import Identity

# Port 25 is what providers of servers like to block. Any mail server that listens there will do.
_LISTENS_AT_25 = "gmail-smtp-in.l.google.com"
_PATIENCE = 5.0  # seconds
_SOON = timedelta(days=14)


async def examine(config: Config) -> list[Finding]:
    """Check everything that can be checked without sending a mail."""
    found = [Finding("configuration", "ok", "Every variable can be read.")]
    for name, check in _CHECKS.items():
        try:
            state, detail = await check(config)
        except (LetterheadError, OSError) as error:
            state, detail = "fault", str(error)
        found.append(Finding(name, state, detail))
    return found


async def _database(config: Config) -> tuple[str, str]:
    async with operating.opened(config) as (_, store), store.look_around() as rows:
        return "ok", f"It answers, and has {await rows.count_portals()} portals."


async def _server(config: Config) -> tuple[str, str]:
    """What many processes want of PostgreSQL."""
    if not config.database_url.startswith("postgresql"):
        return "ok", "It is a file: nothing to set."
    async with operating.opened(config) as (database, _):
        found = await server.asked(database, operating.now)
    faults, warnings = server.faults(found), server.warnings(found)
    if faults or warnings:
        return "fault" if faults else "warning", " ".join([*faults, *warnings])
    return "ok", f"PostgreSQL {found.version}, with connections for {found.processes} processes."


async def _bodies(config: Config) -> tuple[str, str]:
    """Whether the files that rows name are there: who brings back a backup may forget them."""
    async with operating.opened(config) as (database, _):
        if database.segments is None:
            return "ok", "They are in the database, all of them."
        folder, named = database.segments.folder, await database.reading(bodies.named)
    missing = [each for each in named if not (folder / each).is_file()]
    if missing:
        return "fault", f"Files are missing in {folder}: {', '.join(missing)}."
    return "ok", f"Files of large ones: {len(named)}, and none is missing."


async def _key(config: Config) -> tuple[str, str]:
    async with operating.opened(config) as (_, store):
        locked = await store.locked()
    if locked:
        return (
            "fault",
            f"What is stored of these portals and people cannot be opened: {', '.join(locked)}.",
        )
    return "ok", "Every stored secret can be opened."


async def _certificates(config: Config) -> tuple[str, str]:
    tls_context(config.ca_file)
    return "ok", "The certificates that are trusted can be read."


async def _own_certificate(config: Config) -> tuple[str, str]:
    if config.submission_listen is config.submissions_listen is None:
        return "ok", "No door needs one: SMTP submission is off."
    host = urlsplit(config.public_url).hostname or "localhost"
    files = listening.files(config, host, operating.now())
    Identity(files)
    until = certificate.expires(files)
    if until < operating.now():
        return "fault", f"It expired on {until:%d %B %Y}: programs that send by SMTP refuse it."
    if until < operating.now() + _SOON:
        return "warning", f"It expires on {until:%d %B %Y}."
    if certificate.signs_itself(files):
        return "warning", "It signs itself: programs that send by SMTP must be told to trust it."
    return "ok", f"It is good until {until:%d %B %Y}."


async def _platform_route(config: Config) -> tuple[str, str]:
    server = config.default_route
    if server is None:
        return "warning", "LETTERHEAD_DEFAULT_ROUTE is capture: such mail is kept and never leaves."
    if isinstance(server, SesRoute):
        return await _ses(config, server)
    egress = outward.egress(config)
    found = await egress.resolve(server.host, port=server.port, trusted=True)
    (await egress.connect(found, server.port, seconds=_PATIENCE)).close()
    return "ok", f"{server.host} port {server.port} takes connections."


async def _ses(config: Config, route: SesRoute) -> tuple[str, str]:
    answer = await outward.probe_ses(config, route)
    if answer is None:
        return "ok", f"Amazon SES in {route.region} takes the credentials of AWS."
    fault = faults.of(answer, provider=SES)
    return "fault", f"{fault.title}. {fault.steps[0]}"


async def _identity(config: Config) -> tuple[str, str]:
    provider = outward.identity(config)
    if provider is None:
        return "ok", "None is named: people sign in by passwords."
    await provider.look()
    return "ok", f"{provider.name} answers."


async def _dns(config: Config) -> tuple[str, str]:
    try:
        await outward.egress(config).resolve(_LISTENS_AT_25, port=25)
    except Unreachable as error:
        if error.kind != Kind.NO_ADDRESS:
            raise
    return "ok", "The name servers answer."


async def _port_25(config: Config) -> tuple[str, str]:
    egress = outward.egress(config)
    try:
        found = await egress.resolve(_LISTENS_AT_25, port=25)
        (await egress.connect(found, 25, seconds=_PATIENCE)).close()
    except Unreachable as error:
        return "warning", f"It seems to be blocked, and the Office 365 relay needs it. {error}"
    return "ok", "It is open."


_CHECKS: Mapping[str, Callable[[Config], Awaitable[tuple[str, str]]]] = MappingProxyType(
    {
        "database": _database,
        "database server": _server,
        "bodies": _bodies,
        "key": _key,
        "certificates": _certificates,
        "own certificate": _own_certificate,
        "platform route": _platform_route,
        "identity provider": _identity,
        "dns": _dns,
        "port 25": _port_25,
    }
)
