"""The only way out of this process: resolve a name, vet every address, connect to a vetted one."""

import asyncio
import socket
import ssl
from collections.abc import Container, Sequence
from functools import cache
from pathlib import Path

from letterhead.egress.addresses import (
    MAIL_PORTS,
    Address,
    Allowed,
    allowed,
    is_name_server,
    may_be_reached,
)
from letterhead.egress.names import (
    LOOPBACK,
    DnsNames,
    SystemNames,
    is_host_name,
    is_local,
    literal,
)
from letterhead.errors import Misconfigured, Unreachable
from letterhead.mail.reply import Kind

__all__ = ["Address", "Allowed", "Egress", "allowed", "is_name_server", "tls_context"]

RESOLVE_LIMIT = 10.0  # seconds

_ADDRESSES = 8  # that are tried; a name with more is no mail server
_NO_ADDRESS = "The name has no address that may be reached."


class Egress:
    """
    Resolves names and opens connections.

    A server that is not the operator's (`trusted`) has a name, public addresses and one of
    `ports`, but for what `allowed` says. Whoever names another learns the same as of a name that
    does not exist, and nothing is connected to.
    """

    def __init__(
        self,
        *,
        dns_servers: Sequence[tuple[str, int]] = (),
        allowed: Sequence[Allowed] = (),
        seconds: float = RESOLVE_LIMIT,
    ) -> None:
        self._names = DnsNames(dns_servers, seconds=seconds) if dns_servers else SystemNames()
        self._allowed = tuple(allowed)
        self._seconds = seconds

    async def resolve(
        self,
        host: str,
        *,
        port: int,
        trusted: bool = False,
        ports: Container[int] = MAIL_PORTS,
        seconds: float = RESOLVE_LIMIT,
    ) -> Sequence[Address]:
        """Give the addresses of `host` that may be connected to: one at least."""
        try:
            async with asyncio.timeout(min(seconds, self._seconds)):
                found = await self._addresses(host.rstrip(".").lower(), trusted=trusted)
        except TimeoutError as error:
            raise Unreachable(Kind.DNS_FAILED, "The name could not be looked up.") from error
        if not trusted:
            found = [each for each in found if may_be_reached(each, port, self._allowed, ports)]
        if not found:
            raise Unreachable(Kind.NO_ADDRESS, _NO_ADDRESS)
        return found[:_ADDRESSES]

    async def connect(
        self, addresses: Sequence[Address], port: int, *, seconds: float
    ) -> socket.socket:
        """Connect to the first address that answers; each has an equal share of the time left."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        failures: list[Unreachable] = []
        for count, address in enumerate(addresses):
            share = (ends - loop.time()) / (len(addresses) - count)
            try:
                return await _connected(address, port, seconds=share)
            except Unreachable as failure:
                failures.append(failure)
        raise failures[0]

    async def _addresses(self, name: str, *, trusted: bool) -> Sequence[Address]:
        if is_local(name):
            return LOOPBACK
        if trusted and (address := literal(name)):
            return (address,)
        return await self._names.addresses(name) if is_host_name(name) else ()


@cache
def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """
    Make the one context that all connections share: building it costs 30 ms.

    It wants TLS 1.2, and a certificate for the server's name from an authority of this machine or
    of `ca_file`.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # RFC 9525, section 6.3
    try:
        if ca_file:
            context.load_verify_locations(ca_file)
    except ssl.SSLError as error:
        message = f"LETTERHEAD_CA_FILE: there is no certificate in {str(ca_file)!r}."
        raise Misconfigured(message) from error
    return context


async def _connected(address: Address, port: int, *, seconds: float) -> socket.socket:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004
    where = f"{address} port {port}"
    try:
        connection = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(Kind.REFUSED, f"No connection to {where}: {error.strerror}.") from error
    try:
        await _open(connection, (str(address), port), seconds=seconds)
    except BaseException as error:
        connection.close()
        if isinstance(error, OSError):
            raise _unreachable(error, where) from error
        raise
    return connection


async def _open(connection: socket.socket, where: tuple[str, int], *, seconds: float) -> None:
    connection.settimeout(0)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    async with asyncio.timeout(seconds):
        await asyncio.get_running_loop().sock_connect(connection, where)


def _unreachable(error: OSError, where: str) -> Unreachable:
    match error:
        case TimeoutError():
            return Unreachable(Kind.TIMED_OUT, f"No answer from {where}.")
        case ConnectionResetError() | ConnectionAbortedError():
            return Unreachable(Kind.CLOSED, f"{where} closed the connection.")
        case _:
            return Unreachable(Kind.REFUSED, f"No connection to {where}: {error.strerror}.")
