"""The sockets of our doors, and the certificate that they show."""

import asyncio
import resource
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from letterhead.config import Config
from letterhead.errors import Misconfigured
from letterhead.submission import Server, certificate
from letterhead.submission.certificate import Files
from letterhead.submission.replies import TOO_MANY_CONNECTIONS
from letterhead.submission.session import Session

log = structlog.get_logger(__name__)

_BACKLOG = 1024  # connections that wait for us to take them
_FILES = 65_536
_BREATH = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Door:
    """A socket of the SMTP door; `implicit` is TLS from the first byte."""

    listening: socket.socket
    implicit: bool

    @property
    def port(self) -> int:
        port: int = self.listening.getsockname()[1]
        return port


def listen(variable: str, address: tuple[str, int]) -> socket.socket:
    """Take an address and port; Misconfigured names the variable that asks for it."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        message = f"{variable}: cannot listen on {address[0]}:{address[1]}: {error.strerror}."
        raise Misconfigured(message) from error
    return listening


def open_files() -> None:
    """Let this process open as many files, connections among them, as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, _FILES), hard))


def submission(config: Config) -> list[Door]:
    """The sockets for SMTP; a default that somebody else has taken is done without."""
    return [*_starttls(config), *_implicit(config)]


async def take(server: Server, door: Door) -> None:
    """Take connections for ever; who is too many is sent off before anything is agreed on."""
    loop = asyncio.get_running_loop()
    with door.listening as listening:
        listening.settimeout(0)
        while True:
            try:
                connection, (address, *_) = await loop.sock_accept(listening)
            except OSError as error:  # no more files, most likely
                log.warning("no connection taken", reason=error.strerror)
                await asyncio.sleep(_BREATH)
            else:
                _bring_in(server, door, connection, address)


def _bring_in(server: Server, door: Door, connection: socket.socket, address: str) -> None:
    session = server.enter(address, implicit=door.implicit)
    if session is None:
        with connection, suppress(OSError):
            if not door.implicit:
                connection.send(TOO_MANY_CONNECTIONS)
    else:
        server.begin(_connect(server, session, connection, implicit=door.implicit))


async def _connect(
    server: Server, session: Session, connection: socket.socket, *, implicit: bool
) -> None:
    limits = server.limits
    times = {"ssl_handshake_timeout": limits.tls, "ssl_shutdown_timeout": limits.leave}
    try:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: session,
            connection,
            ssl=server.identity.context() if implicit else None,
            **(times if implicit else {}),
        )
    except OSError:  # no TLS, or gone already
        server.leave(session)


def ports(doors: Sequence[Door]) -> Mapping[str, int]:
    """The port of each way in."""
    return {"tls" if each.implicit else "starttls": each.port for each in doors}


def files(config: Config, host: str, now: datetime) -> Files:
    """The operator's certificate, else one that signs itself, in the data folder."""
    return Files(*config.tls) if config.tls else certificate.made(config.data_dir, host, now)


def _starttls(config: Config) -> Iterator[Door]:
    if config.submission_listen is None:
        return
    try:
        listening = listen("LETTERHEAD_SUBMISSION_LISTEN", config.submission_listen)
    except Misconfigured as error:
        if config.submission_chosen:
            raise
        log.warning("no submission", reason=str(error))
    else:
        yield Door(listening, implicit=False)


def _implicit(config: Config) -> Iterator[Door]:
    if config.submissions_listen is not None:
        listening = listen("LETTERHEAD_SUBMISSIONS_LISTEN", config.submissions_listen)
        yield Door(listening, implicit=True)
