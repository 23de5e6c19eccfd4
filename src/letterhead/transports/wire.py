"""The byte level of SMTP: commands go out, whole replies come in, and every wait has an end."""

import asyncio
import ssl
from collections import deque
from socket import socket
from typing import cast

from letterhead.errors import Unreachable
from letterhead.mail import said as sentences
from letterhead.mail.reply import Kind
from letterhead.transports.replies import ReplyReader, Said
from letterhead.transports.tls import not_encrypted

BLOCK = 64 * 1024  # octets that are written before the server must have taken some
LEAVE_LIMIT = 2.0  # seconds that QUIT may take

_CLOSING = 421  # may come at any time (RFC 5321, section 3.8)


class Wire(asyncio.Protocol):
    """
    One connection to an SMTP server.

    Whatever goes wrong is an Unreachable, kept and raised at each further use. A reply that nobody
    asked for ends the connection: it would be taken for the answer to what is said next.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport = _NOWHERE
        self._reader = ReplyReader()
        self._said: deque[Said] = deque()
        self._due = 1  # replies that the server owes; the greeting is the first
        self._lost: Unreachable | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._leaving = False
        self._gone: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def over(cls, connection: socket) -> "Wire":
        """Speak over a connected socket."""
        wire = cls()
        try:
            await wire._loop.create_connection(lambda: wire, sock=connection)
        except BaseException:
            connection.close()
            raise
        return wire

    @classmethod
    async def over_tls(
        cls, connection: socket, tls: ssl.SSLContext, host: str, *, seconds: float
    ) -> "Wire":
        """Speak over a connected socket, under TLS from the first byte (RFC 8314)."""
        wire = cls()
        try:
            async with asyncio.timeout(seconds):
                await wire._loop.create_connection(
                    lambda: wire,
                    sock=connection,
                    ssl=tls,
                    server_hostname=host,
                    ssl_shutdown_timeout=LEAVE_LIMIT,
                )
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError):
                raise not_encrypted(error, host) from error
            raise
        return wire

    async def start_tls(self, tls: ssl.SSLContext, host: str, *, seconds: float) -> None:
        """Go on under TLS, once the server has agreed to STARTTLS (RFC 3207)."""
        if self._said or self._reader.midway:
            # It would be read as if it had come encrypted (RFC 3207, section 6).
            self._fail(
                Unreachable(
                    Kind.PROTOCOL, sentences.said("The server spoke before it was encrypted.")
                )
            )
        self.check()
        try:
            async with asyncio.timeout(seconds):
                await self._upgrade(tls, host)
        except OSError as error:
            self._fail(not_encrypted(error, host))
            raise not_encrypted(error, host) from error

    async def _upgrade(self, tls: ssl.SSLContext, host: str) -> None:
        transport = await self._loop.start_tls(
            self._transport, self, tls, server_hostname=host, ssl_shutdown_timeout=LEAVE_LIMIT
        )
        if transport is None:
            raise ConnectionResetError
        self._transport = transport

    @property
    def tls(self) -> ssl.SSLObject | None:
        """How the connection is encrypted, if it is."""
        found: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        return found

    @property
    def quiet(self) -> bool:
        """Whether the server owes nothing, has said nothing unheard, and is still there."""
        return not (self._lost or self._said or self._due)

    def check(self) -> None:
        """Raise what the connection was lost by, if it was."""
        if self._lost:
            raise self._lost

    def say(self, text: bytes | memoryview, *, replies: int = 1) -> None:
        """Write commands, or the end of a message; the server owes so many replies more."""
        self.check()
        self._due += replies
        self._transport.write(text)

    async def pour(self, text: bytes, *, seconds: float) -> None:
        """Write much, no faster than the server takes it; each block may take `seconds`."""
        view = memoryview(text)
        for start in range(0, len(text), BLOCK):
            await self._wait_while_paused(seconds)
            self.say(view[start : start + BLOCK], replies=0)

    async def reply(self, seconds: float) -> Said:
        """Wait for the next reply, which must be whole within `seconds`, however it drips in."""
        if not self._said:
            self._until = self._loop.time() + seconds
            while not self._said:
                await self._wait()
        return self._said.popleft()

    def leave(self) -> None:
        """Say QUIT; the connection ends with the server's answer, or without it."""
        if self._lost:
            return
        self._leaving = True
        self._lost = Unreachable(Kind.CLOSED, sentences.said("We have taken leave."))
        self._transport.write(b"QUIT\r\n")
        self._set_timer(self._loop.time() + LEAVE_LIMIT)

    def abort(self) -> None:
        """End the connection without a word."""
        self._fail(Unreachable(Kind.CLOSED, sentences.said("We have hung up.")))

    async def gone(self) -> None:
        """Wait until the connection has ended."""
        await asyncio.shield(self._gone)

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are of no such class

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            self._transport.close()
        if self._lost:
            return
        try:
            for said in self._reader.feed(data):
                self._take(said)
        except Unreachable as error:
            self._fail(error)

    def eof_received(self) -> None:
        """The server has ended; what we wrote from now on would go nowhere, and nobody says so."""
        self._lost = self._lost or Unreachable(
            Kind.CLOSED, sentences.said("The server closed the connection.")
        )
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.eof_received()
        self._stop_timer()
        if not self._gone.done():
            self._gone.set_result(None)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    def _take(self, said: Said) -> None:
        if self._due:
            self._due -= 1
        elif said.code != _CLOSING or self._said:
            self._fail(
                Unreachable(Kind.PROTOCOL, sentences.said("The server spoke without being asked."))
            )
            return
        self._said.append(said)
        self._wake()

    def _fail(self, error: Unreachable) -> None:
        if not self._lost:
            self._lost = error
        self._stop_timer()
        self._transport.abort()
        self._wake()

    # Waiting, with one timer that is set rarely: most waits end long before it

    async def _wait_while_paused(self, seconds: float) -> None:
        if self._paused:
            self._until = self._loop.time() + seconds
            while self._paused:
                await self._wait()

    async def _wait(self) -> None:
        self.check()
        if self._timer is None or self._timer.when() > self._until:
            self._set_timer(self._until)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_timer(self, when: float) -> None:
        self._stop_timer()
        self._timer = self._loop.call_at(when, self._tick)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        if self._leaving:
            self._transport.abort()
        elif self._waiter and self._loop.time() < self._until:
            self._set_timer(self._until)
        elif self._waiter:
            self._fail(
                Unreachable(Kind.TIMED_OUT, sentences.said("The server did not answer in time."))
            )


class _Nowhere(asyncio.WriteTransport):
    """Stands for the transport until there is one."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nothing is written before there is a connection."""

    def abort(self) -> None:
        """There is nothing to end."""


_NOWHERE = _Nowhere()
