"""
A load for SMTP servers: so many sessions, each encrypted and signed in once, then used again.

    python -m benchmarks.smtp_load --port P --login L --password W --messages N --sessions 16

Prints what it took as JSON. A message leaves as its server allows: with PIPELINING in two writes.
"""

import argparse
import asyncio
import json
import resource
import ssl
import time
from base64 import b64encode

import uvloop

SIZE = 5_000  # octets of a text


class Client:
    """One session."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._together = False

    async def sign_in(self, tls: ssl.SSLContext, login: str, password: str) -> None:
        """Go from the greeting to the point where messages are taken."""
        await self._expect(b"220")
        await self._ask(b"EHLO load.test\r\n", b"250")
        await self._ask(b"STARTTLS\r\n", b"220")
        await self._writer.start_tls(tls, server_hostname="localhost")
        offers = await self._ask(b"EHLO load.test\r\n", b"250")
        self._together = b"PIPELINING" in offers
        answer = b64encode(f"\0{login}\0{password}".encode())
        await self._ask(b"AUTH PLAIN " + answer + b"\r\n", b"235")

    async def send(self, sender: str, number: int) -> None:
        """Hand in one message."""
        commands = [
            f"MAIL FROM:<{sender}>\r\n".encode(),
            f"RCPT TO:<client{number}@client.test>\r\n".encode(),
            b"DATA\r\n",
        ]
        if self._together:
            self._writer.write(b"".join(commands))
        for command, code in zip(commands, (b"250", b"250", b"354"), strict=True):
            if not self._together:
                self._writer.write(command)
            await self._expect(code)
        await self._ask(message(sender, number), b"250")

    async def leave(self) -> None:
        await self._ask(b"QUIT\r\n", b"221")
        self._writer.close()

    async def _ask(self, octets: bytes, code: bytes) -> bytes:
        self._writer.write(octets)
        return await self._expect(code)

    async def _expect(self, code: bytes) -> bytes:
        said = line = await self._reader.readline()
        while line[3:4] == b"-":
            line = await self._reader.readline()
            said += line
        if not said.startswith(code):
            raise SystemExit(f"expected {code!r}, and heard {said!r}")
        return said


def message(sender: str, number: int) -> bytes:
    """A message of some 5 KB, ready for DATA."""
    line = "Dear client, please find your invoice in the portal of the firm.\r\n"
    return (
        f"From: Office <{sender}>\r\nTo: client{number}@client.test\r\n"
        f"Subject: Invoice {number}\r\n"
        f"Message-ID: <{number}@load.test>\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        f"{line * (SIZE // len(line))}.\r\n"
    ).encode()


async def load(asked: argparse.Namespace) -> float:
    """Send all messages; gives the seconds from the first to the last, without the sign-ins."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    clients = [
        Client(*await asyncio.open_connection(asked.host, asked.port))
        for _ in range(asked.sessions)
    ]
    for client in clients:
        await client.sign_in(tls, asked.login, asked.password)

    async def work(client: Client, numbers: range) -> None:
        for number in numbers:
            await client.send(asked.sender, number)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for at, client in enumerate(clients):
            tasks.create_task(work(client, range(at, asked.messages, asked.sessions)))
    seconds = time.perf_counter() - began
    for client in clients:
        await client.leave()
    return seconds


def main() -> None:
    """Read the command line, send, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--login", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--sender", default="office@client.test")
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--sessions", type=int, default=16)
    seconds = uvloop.run(load(parser.parse_args()))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime}))


if __name__ == "__main__":
    main()
