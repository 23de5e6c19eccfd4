"""HTTP by the one way out: names are resolved and connected to here, answers are limited."""

import asyncio
import ssl
from collections.abc import Iterable

import httpcore
import httpx
from httpcore import SOCKET_OPTION

from letterhead.egress import Egress
from letterhead.errors import Unreachable
from letterhead.mail.reply import Kind

ANSWER_LIMIT = 256 * 1024  # bytes
_PORTS = frozenset({443})
PATIENCE = 10.0  # seconds for one step: connect, write, the next bytes


def client(
    egress: Egress, tls: ssl.SSLContext, *, strangers: bool = False, limit: int = ANSWER_LIMIT
) -> httpx.AsyncClient:
    """
    A client for servers that the operator has named, or for those of `strangers`.

    These have public addresses and port 443. It follows no redirects, and an answer has `limit`
    bytes at most.
    """
    backend = _Backend(egress, strangers=strangers)
    pool = httpcore.AsyncConnectionPool(ssl_context=tls, network_backend=backend)
    return httpx.AsyncClient(transport=_Transport(pool, limit), timeout=PATIENCE, trust_env=False)


class _Transport(httpx.AsyncBaseTransport):
    """Reads each answer to its end; Unreachable for whatever goes wrong on the way."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, limit: int) -> None:
        self._pool = pool
        self._limit = limit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = httpcore.Request(
            method=request.method,
            url=str(request.url),
            headers=request.headers.raw,
            content=await request.aread(),
            extensions=request.extensions,
        )
        try:
            answer = await self._pool.handle_async_request(asked)
            content = await _read(answer, self._limit)
        except httpcore.TimeoutException as error:
            raise Unreachable(Kind.TIMED_OUT, f"No answer from {request.url.host}.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            detail = f"No connection to {request.url.host}: {error}."
            raise Unreachable(Kind.CLOSED, detail) from error
        return httpx.Response(answer.status, headers=answer.headers, content=content)

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    """Connects by `Egress`."""

    def __init__(self, egress: Egress, *, strangers: bool) -> None:
        self._egress = egress
        self._strangers = strangers

    async def connect_tcp(  # noqa: PLR0917 - httpcore's
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._egress.resolve(
            host, port=port, trusted=not self._strangers, ports=_PORTS
        )
        connected = await self._egress.connect(addresses, port, seconds=timeout or PATIENCE)
        return _Stream(*await asyncio.open_connection(sock=connected))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection as httpcore wants it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._writer.write(buffer)
        try:
            async with asyncio.timeout(timeout):
                await self._writer.drain()
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error

    async def aclose(self) -> None:
        self._writer.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        await self._writer.start_tls(
            ssl_context, server_hostname=server_hostname, ssl_handshake_timeout=timeout
        )
        return self


async def _read(answer: httpcore.Response, limit: int) -> bytes:
    content = b""
    try:
        async for part in answer.aiter_stream():
            content += part
            if len(content) > limit:
                raise Unreachable(Kind.CLOSED, "The answer is too long.")
    finally:
        await answer.aclose()
    return content
