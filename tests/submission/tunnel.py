"""A way in for programs that know neither TLS nor a login: it is encrypted and signed in here."""

import asyncio
import contextlib
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

from tests.submission.clients import Access


@contextmanager
def tunnel(access: Access) -> Iterator[int]:
    """A port whose connections are taken to the door, which must speak TLS from the start."""
    loop = asyncio.new_event_loop()
    digger = _Digger(access)
    server = loop.run_until_complete(asyncio.start_server(digger.dig, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(digger.end(server), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Digger:
    def __init__(self, access: Access) -> None:
        self._access = access
        self._open: set[asyncio.StreamWriter] = set()

    async def dig(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._signed_in()
        self._open |= {writer, far_writer}
        writer.write(b"220 tunnel.test ESMTP\r\n")
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        self._open -= {writer, far_writer}

    async def end(self, server: asyncio.Server) -> None:
        server.close()
        for each in [*self._open]:
            each.transport.abort()
        while self._open:  # noqa: ASYNC110 - they end within a moment
            await asyncio.sleep(0.01)

    async def _signed_in(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        access = self._access
        tls = ssl.create_default_context(cafile=str(access.authority))
        reader, writer = await asyncio.open_connection("localhost", access.port, ssl=tls)
        answer = b64encode(f"\0{access.slug}\0{access.key}".encode())
        writer.write(b"EHLO tunnel.test\r\nAUTH PLAIN " + answer + b"\r\n")
        await reader.readuntil(b"235 2.7.0")
        await reader.readline()
        return reader, writer


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()
