"""
A load for the HTTP API: so many connections, each with one message after the other.

    python -m benchmarks.http_load --port P --password KEY --login PORTAL --messages N --sessions 16

Prints what it took as JSON.
"""

import argparse
import asyncio
import json
import re
import resource
import time

import uvloop

from benchmarks.peers import message

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, head: str, number: int) -> None:
        """Hand in one message."""
        body = json.dumps(message(number)).encode()
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answer)
        said = await self._reader.readexactly(int(length[1]) if length else 0)
        if not answer.startswith(b"HTTP/1.1 202"):
            raise SystemExit(f"expected 202, and heard {answer + said!r}")


async def load(asked: argparse.Namespace) -> float:
    """Send all messages; gives the seconds from the first to the last."""
    head = (
        f"POST /v1/messages HTTP/1.1\r\nHost: {asked.host}:{asked.port}\r\n"
        f"X-Portal: {asked.login}\r\n"
        f"Authorization: Bearer {asked.password}\r\nContent-Type: application/json\r\n"
    )
    clients = [
        Client(*await asyncio.open_connection(asked.host, asked.port))
        for _ in range(asked.sessions)
    ]

    async def work(client: Client, numbers: range) -> None:
        for number in numbers:
            await client.send(head, number)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for at, client in enumerate(clients):
            tasks.create_task(work(client, range(at, asked.messages, asked.sessions)))
    return time.perf_counter() - began


def main() -> None:
    """Read the command line, send, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--login", required=True, help="the portal")
    parser.add_argument("--password", required=True, help="the key")
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--sessions", type=int, default=16)
    seconds = uvloop.run(load(parser.parse_args()))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime}))


if __name__ == "__main__":
    main()
