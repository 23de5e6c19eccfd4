"""
A small, fast mail server that stands for a firm's provider in the demo, in tests and benchmarks.

It wants TLS and a login, takes every message, and writes one line into its journal for each before
it says 250: Message-ID, recipient, and when (seconds since 1970). Only the first ten are kept.

    python -m letterhead.demo.upstream --certificate F --key F --login L --password-file F
"""

import argparse
import asyncio
import base64
import json
import os
import re
import signal
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

_HOST = "127.0.0.1"
_END = b"\r\n.\r\n"
_LINE_LIMIT = 8192  # octets
_KEPT = 10  # messages
_MESSAGE_ID = re.compile(rb"^Message-ID:[ \t]*(<[^>\r\n]+>)", re.IGNORECASE | re.MULTILINE)
_PATH = re.compile(rb"(?:FROM|TO):<([^>]*)>", re.IGNORECASE)
_SIZE_LIMIT = 52_428_800  # octets
_EXTENSIONS = (
    *("PIPELINING", "CHUNKING", "8BITMIME", "ENHANCEDSTATUSCODES"),
    f"SIZE {_SIZE_LIMIT}",
)
_CHUNK = re.compile(rb"([0-9]{1,8})( LAST)?", re.IGNORECASE)


@dataclass(slots=True)
class Upstream:
    """What all sessions of the server share."""

    login: str
    password: str
    tls: ssl.SSLContext
    journal: int | None = None  # a file descriptor
    implicit: bool = False  # TLS from the first byte
    folder: Path | None = None  # where the first messages are kept
    delay: float = 0.0  # seconds before each reply leaves
    kept: int = 0
    sessions: int = 0  # that have signed in
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def listen(self, port: int = 0) -> asyncio.Server:
        """Listen on `port`, or on a free one."""
        loop = asyncio.get_running_loop()
        tls = self.tls if self.implicit else None
        return await loop.create_server(lambda: Session(self), _HOST, port, ssl=tls, backlog=512)

    def note(self, content: bytes, recipients: list[bytes]) -> None:
        """Write down what is about to be accepted."""
        if self.folder and self.kept < _KEPT:
            self.kept += 1
            (self.folder / f"{self.kept}.eml").write_bytes(content.removeprefix(b"\r\n"))
        if self.journal is None:
            return
        found = _MESSAGE_ID.search(content)
        name = found[1] if found else b"-"
        for each in recipients:
            os.write(self.journal, b"%s %s %.6f\n" % (name, each, time.time()))

    def knows(self, answer: bytes) -> bool:
        """Whether this is login and password as AUTH PLAIN sends them (RFC 4616)."""
        expected = f"\0{self.login}\0{self.password}".encode()
        return base64.b64decode(answer or b"=", validate=False) == expected


class Session(asyncio.Protocol):
    """One connection: commands as they come, several in one read where they are pipelined."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._rest = b""
        self._next: Callable[[bytes], bytes] = self._command
        self._encrypted = upstream.implicit
        self._signed_in = False
        self._leaving = False  # closes when all that was asked before is answered
        self._login = b""
        self._sender: bytes | None = None
        self._recipients: list[bytes] = []
        self._content: list[bytes] | None = None
        self._chunks: list[bytes] = []
        self._chunk: tuple[int, bool] | None = (
            None  # octets that are to come, and if it is the last
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        again = hasattr(self, "_transport")  # after STARTTLS
        self._transport = cast("asyncio.Transport", transport)
        if not again:
            self._transport.write(b"220 localhost ESMTP upstream\r\n")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        replies: list[bytes] = []
        while (reply := self._step()) is not None:
            replies.append(reply)
        if replies:
            self._reply(b"".join(replies))
        if len(self._rest) > _LINE_LIMIT and self._content is None and self._chunk is None:
            self._transport.close()

    def _reply(self, text: bytes) -> None:
        """Answer, in time or late: as if the server were far away."""
        if self._upstream.delay:
            later = asyncio.get_running_loop().call_later
            later(self._upstream.delay, self._write, text, self._leaving)
        else:
            self._write(text, self._leaving)

    def _write(self, text: bytes, is_last: bool) -> None:  # noqa: FBT001 - as it was then
        self._transport.write(text)
        if is_last:
            self._transport.close()

    def _step(self) -> bytes | None:
        """The reply to the next whole thing that has come; None if there is none yet."""
        if self._leaving:
            return None
        if self._content is not None:
            return self._data()
        if self._chunk is not None:
            return self._bdat(*self._chunk)
        line, end, rest = self._rest.partition(b"\r\n")
        if not end:
            return None
        self._rest = rest
        return self._next(line)

    def _data(self) -> bytes | None:
        """Take the message as far as it has come; the end may be cut by two reads."""
        content = cast("list[bytes]", self._content)
        text, end, rest = self._rest.partition(_END)
        if not end:
            cut = max(0, len(text) - len(_END))
            content.append(text[:cut])
            self._rest = text[cut:]
            return None
        content.append(text)
        self._rest, self._content = rest, None
        return self._taken(b"".join(content))

    def _bdat(self, size: int, is_last: bool) -> bytes | None:  # noqa: FBT001 - as it was kept
        """Take a whole chunk; its octets are read even where it is refused (RFC 3030)."""
        if len(self._rest) < size:
            return None
        chunk, self._rest, self._chunk = self._rest[:size], self._rest[size:], None
        if not self._recipients:
            return b"503 5.5.1 Bad sequence of commands\r\n"
        self._chunks.append(chunk)
        if not is_last:
            return b"250 2.0.0 Ok\r\n"
        return self._taken(b"".join(self._chunks))

    def _taken(self, content: bytes) -> bytes:
        self._upstream.note(content, self._recipients)
        self._forget()
        return b"250 2.0.0 Ok: queued\r\n"

    def _forget(self) -> None:
        self._sender, self._recipients, self._chunks = None, [], []

    def _command(self, line: bytes) -> bytes:
        verb, _, rest = line.partition(b" ")
        match verb.upper():
            case b"EHLO":
                reply = self._hello()
            case b"STARTTLS":
                reply = self._start_tls()
            case b"AUTH":
                reply = self._auth(rest)
            case b"RSET" | b"QUIT" as other:
                reply = self._end(other)
            case b"BDAT":
                reply = self._announced(rest)
            case other:
                reply = self._mail(other, rest)
        return reply

    def _announced(self, rest: bytes) -> bytes:
        found = _CHUNK.fullmatch(rest)
        if found is None or int(found[1]) > _SIZE_LIMIT:
            self._transport.close()  # nobody knows where the next command begins
            return b""
        self._chunk = (int(found[1]), found[2] is not None)
        return b""

    def _end(self, verb: bytes) -> bytes:
        """End the transaction, or the session."""
        self._forget()
        if verb == b"RSET":
            return b"250 2.0.0 Ok\r\n"
        self._leaving = True
        return b"221 2.0.0 Bye\r\n"

    def _hello(self) -> bytes:
        more = "AUTH PLAIN LOGIN" if self._encrypted else "STARTTLS"
        lines = [f"250-{each}" for each in ("localhost", *_EXTENSIONS)]
        return "\r\n".join([*lines, f"250 {more}", ""]).encode()

    def _start_tls(self) -> bytes:
        if self._encrypted or self._rest:
            return b"503 5.5.1 Not now\r\n"
        self._transport.write(b"220 2.0.0 Ready to start TLS\r\n")
        task = asyncio.get_running_loop().create_task(self._encrypt())
        self._upstream.tasks.add(task)
        task.add_done_callback(self._upstream.tasks.discard)
        return b""

    async def _encrypt(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            made = await loop.start_tls(self._transport, self, self._upstream.tls, server_side=True)
        except OSError:
            self._transport.abort()
            return
        self._transport = cast("asyncio.Transport", made)
        self._encrypted = True

    def _auth(self, rest: bytes) -> bytes:
        way, _, answer = rest.partition(b" ")
        if not self._encrypted:
            return b"538 5.7.11 Encryption required\r\n"
        if way.upper() == b"PLAIN":
            return self._judge(answer)
        self._next = self._login_name
        return b"334 VXNlcm5hbWU6\r\n"

    def _login_name(self, line: bytes) -> bytes:
        self._login, self._next = line, self._login_password
        return b"334 UGFzc3dvcmQ6\r\n"

    def _login_password(self, line: bytes) -> bytes:
        self._next = self._command
        login, password = base64.b64decode(self._login), base64.b64decode(line)
        return self._judge(base64.b64encode(b"\0" + login + b"\0" + password))

    def _judge(self, answer: bytes) -> bytes:
        self._signed_in = self._upstream.knows(answer)
        if self._signed_in:
            self._upstream.sessions += 1
            return b"235 2.7.0 Authentication successful\r\n"
        return b"535 5.7.8 Username and password not accepted\r\n"

    def _mail(self, verb: bytes, rest: bytes) -> bytes:
        path = _PATH.match(rest)
        if not self._signed_in:
            return b"530 5.7.0 Authentication required\r\n"
        if verb == b"MAIL" and path and self._sender is None:
            self._sender = path[1]
            return b"250 2.1.0 Ok\r\n"
        if verb == b"RCPT" and path and self._sender is not None:
            self._recipients.append(path[1])
            return b"250 2.1.5 Ok\r\n"
        if verb == b"DATA" and self._recipients:
            self._content, self._rest = [], b"\r\n" + self._rest  # the end may come at once
            return b"354 End data with <CR><LF>.<CR><LF>\r\n"
        return b"503 5.5.1 Bad sequence of commands\r\n"


async def _serve(asked: argparse.Namespace) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(asked.certificate, asked.key)
    journal = os.open(asked.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    password = Path(asked.password_file).read_text("utf-8").strip()  # noqa: ASYNC240 - at start
    upstream = Upstream(
        asked.login, password, tls, journal, asked.implicit, asked.keep, asked.delay / 1000
    )
    server = await upstream.listen(asked.port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await stop.wait()
    server.close()
    print(json.dumps({"sessions": upstream.sessions}), flush=True)


def main() -> None:
    """Serve until SIGTERM; prints JSON: its port, and at the end how many sessions signed in."""
    parser = argparse.ArgumentParser(description="A mail server for demos and tests.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--login", required=True)
    parser.add_argument("--password-file", required=True)
    parser.add_argument("--journal", default=os.devnull)
    parser.add_argument("--keep", type=Path, help="a folder for the first messages")
    parser.add_argument("--delay", type=float, default=0, help="ms before each reply leaves")
    parser.add_argument("--implicit", action="store_true", help="TLS from the first byte")
    uvloop.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
