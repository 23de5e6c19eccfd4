"""A mail server that does what a test tells it, rightly or wrongly, at every step."""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

_ROOM = 256 * 1024  # octets that a connection keeps before they are read
DROP = b"<drop>"  # hang up without an answer
RESET = b"<reset>"  # the same, impolitely (RST)
SILENCE = b"<silence>"  # never answer
DEAF = b"<deaf>"  # not even read, for a few seconds
DRIP = b"<drip>"  # an answer of one octet each 0.1 s that never ends
ENDLESS = b"<endless>"  # continuation lines for ever

OFFERS = ("PIPELINING", "8BITMIME", "SIZE 10000000", "ENHANCEDSTATUSCODES")
RIGHT: Mapping[str, bytes] = {
    "greeting": b"220 scripted.test ESMTP\r\n",
    "STARTTLS": b"220 2.0.0 Go ahead\r\n",
    "AUTH": b"235 2.7.0 Welcome\r\n",
    "MAIL": b"250 2.1.0 Ok\r\n",
    "RCPT": b"250 2.1.5 Ok\r\n",
    "DATA": b"354 Go ahead\r\n",
    "dot": b"250 2.0.0 Queued\r\n",
    "RSET": b"250 2.0.0 Ok\r\n",
    "QUIT": b"221 2.0.0 Bye\r\n",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """One message: its envelope's lines, and its bytes with the dots unstuffed."""

    sender: str
    recipient: str
    content: bytes


@dataclass
class Scripted:
    """
    A server on a free port of 127.0.0.1.

    `answers` may be changed at any time; `said` holds every command line that came, `taken` every
    message whose final dot came.
    """

    tls: ssl.SSLContext | None = None  # offered by STARTTLS, or spoken at once if `implicit`
    implicit: bool = False
    offers: tuple[str, ...] = OFFERS
    sign_in: str = "AUTH PLAIN LOGIN"
    answers: dict[str, bytes] = field(default_factory=dict)
    of_recipient: Callable[[str], Mapping[str, bytes]] = lambda _: {}  # they go before `answers`
    delay: float = 0.0  # seconds before each answer
    said: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    connections: int = 0
    signing_in: int = 0  # at the moment
    signed_in: list[int] = field(default_factory=list)  # how many did at once, of each login
    port: int = 0
    sessions: set[asyncio.StreamWriter] = field(default_factory=set)

    async def listen(self) -> asyncio.Server:
        # Little room: what is not read is still on the wire; the system would keep 32 MB.
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does not see TCP
        server = await asyncio.start_server(
            self._session, sock=listening, ssl=self.tls if self.implicit else None
        )
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.sessions.add(writer)
        try:
            await _Session(self, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, _Over):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):  # TLS would wait for 30 s where nobody answers
                    await writer.wait_closed()
            writer.transport.abort()
            await asyncio.sleep(0)  # the socket is closed then
            self.sessions.discard(writer)  # at last: the loop may end with the last one


class _Over(Exception):
    """The session is over by script."""


class _Session:
    def __init__(
        self, script: Scripted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._script = script
        self._reader = reader
        self._writer = writer
        self._encrypted = script.implicit
        self._path = {"MAIL": "", "RCPT": ""}

    async def run(self) -> None:
        await self._answer("greeting")
        while line := await self._line():
            verb = line.partition(" ")[0].upper()
            if verb == "EHLO":
                await self._hello()
            elif verb == "AUTH":
                await self._sign_in(line)
            elif verb == "DATA":
                await self._data()
            elif verb == "BDAT" and "CHUNKING" in self._script.offers:
                await self._bdat(line)
            else:
                await self._plain(verb, line)

    async def _line(self) -> str:
        line = (await self._reader.readline()).decode("utf-8", "surrogateescape").rstrip("\r\n")
        self._script.said.append(line)
        return line

    async def _hello(self) -> None:
        script = self._script
        step = "EHLO under TLS" if self._encrypted else "EHLO"
        if step in script.answers:
            await self._answer(step)
            return
        more = [script.sign_in] if self._encrypted and script.sign_in else []
        if script.tls and not self._encrypted:
            more.append("STARTTLS")
        lines = ["scripted.test", *script.offers, *more]
        text = "".join(f"250-{each}\r\n" for each in lines[:-1]) + f"250 {lines[-1]}\r\n"
        await self._write(text.encode())

    async def _sign_in(self, line: str) -> None:
        script = self._script
        script.signing_in += 1
        script.signed_in.append(script.signing_in)
        try:
            await self._asked_for_login(line)
        finally:
            script.signing_in -= 1

    async def _asked_for_login(self, line: str) -> None:
        if line.upper().startswith("AUTH LOGIN") and "AUTH" not in self._script.answers:
            questions = (b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n")
            for question in questions[line.count(" ") - 1 :]:  # the login may come at once
                await self._write(question)
                await self._line()
        await self._answer("AUTH")
        if "AUTH, then" in self._script.answers:
            await self._line()
            await self._answer("AUTH, then")

    async def _plain(self, verb: str, line: str) -> None:
        if found := re.search(r"(?:FROM|TO):<([^>]*)>", line, re.IGNORECASE):
            self._path[verb] = found[1]
        await self._answer(verb)
        if verb == "STARTTLS" and self._script.tls and self._reply(verb).startswith(b"220"):
            await self._encrypt(self._script.tls)
        if verb == "QUIT":
            raise _Over

    async def _encrypt(self, tls: ssl.SSLContext) -> None:
        plain = self._writer.transport
        try:
            await self._writer.start_tls(tls)
        except AttributeError:  # asyncio's: it has no transport where the other has hung up
            self._writer._transport = plain  # type: ignore[attr-defined]
            raise _Over from None
        self._encrypted = True

    async def _data(self) -> None:
        await self._answer("DATA")
        if not self._reply("DATA").startswith(b"354"):
            return
        if "body" in self._script.answers:
            await self._answer("body")
        lines: list[bytes] = []
        while (line := await self._reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        await self._end_of(b"".join(lines), "dot")

    async def _bdat(self, line: str) -> None:
        """Take a chunk that is the last (RFC 3030); its answer is that of BDAT, or of the dot."""
        content = await self._reader.readexactly(int(line.split()[1]))
        await self._end_of(content, "BDAT" if "BDAT" in self._answers else "dot")

    async def _end_of(self, content: bytes, step: str) -> None:
        if self._reply(step).startswith((b"2", b"<")):
            taken = Taken(self._path["MAIL"], self._path["RCPT"], content)
            self._script.taken.append(taken)
        await self._answer(step)
        if "after" in self._script.answers:
            await self._answer("after")

    @property
    def _answers(self) -> Mapping[str, bytes]:
        return {**self._script.answers, **self._script.of_recipient(self._path["RCPT"])}

    def _reply(self, step: str) -> bytes:
        return self._answers.get(step, RIGHT.get(step, b"502 5.5.2 What?\r\n"))

    async def _answer(self, step: str) -> None:
        reply = self._reply(step)
        match reply:
            case b"<drop>":
                raise _Over
            case b"<reset>":
                self._reset()
                raise _Over
            case b"<silence>":
                await self._reader.read()  # until the other side has had enough
                raise _Over
            case b"<deaf>":
                await asyncio.sleep(5)
                raise _Over
            case b"<drip>":
                await self._drip()
            case b"<endless>":
                await self._endless()
            case _:
                await self._write(reply)
                if not reply.endswith(b"\r\n"):  # half a reply, and then nothing
                    raise _Over

    async def _write(self, text: bytes) -> None:
        await asyncio.sleep(self._script.delay)
        self._writer.write(text)
        await self._writer.drain()

    async def _drip(self) -> None:
        self._writer.write(b"250-")
        while True:
            self._writer.write(b"x")
            await self._writer.drain()
            await asyncio.sleep(0.1)

    async def _endless(self) -> None:
        while True:
            self._writer.write(b"250-x\r\n" * 1000)
            await self._writer.drain()

    def _reset(self) -> None:
        connection: socket.socket = self._writer.get_extra_info("socket")
        option = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        self._writer.transport.abort()


@contextmanager
def running(script: Scripted) -> Iterator[Scripted]:
    """Run it in a thread of its own, for tests that have no event loop, or are in another."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(script.listen(), loop).result(20)
        yield script
        asyncio.run_coroutine_threadsafe(end(script, server), loop).result(20)
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def end(script: Scripted, server: asyncio.Server) -> None:
    """Listen no more, and hang up on everybody."""
    server.close()
    for each in [*script.sessions]:
        each.transport.abort()
    while script.sessions:  # noqa: ASYNC110 - they end within a moment
        await asyncio.sleep(0.01)
