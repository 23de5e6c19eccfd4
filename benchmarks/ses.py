"""
Sends by Amazon SES: Letterhead's whole way beside plain boto3 in threads, in one run.

    python -m benchmarks.ses                    three runs, medians

The other end is a small HTTP server in a process of its own, which takes every mail and counts:
moto is far slower than either, and would be what is measured.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import httpx
from botocore.config import Config
from rich.console import Console
from rich.table import Table
from tests.running import Platform

from benchmarks.stage import cpu

AT_ONCE = 8  # connections of the platform's route, and threads of boto3
BATCH = 200
REGION = "eu-west-1"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIABENCHMARK0000001", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
TEXT = "Dear client, please find your invoice in the portal.\n" * 94  # 5 KB


class Amazon(asyncio.Protocol):
    """HTTP/1.1 as far as SES's clients need it: every mail is taken."""

    taken = 0

    def __init__(self) -> None:
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (ends := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:ends].lower()
            _, _, size = head.partition(b"content-length:")
            whole = ends + 4 + int(size.split(b"\r\n")[0] or 0) if size else ends + 4
            if len(self._waiting) < whole:
                return
            self._waiting = self._waiting[whole:]
            self._transport.write(_answer(head))


def _answer(head: bytes) -> bytes:
    found: dict[str, Any] = {}
    if head.startswith(b"post /v2/email/outbound-emails"):
        Amazon.taken += 1
        found = {"MessageId": f"{Amazon.taken:032x}"}
    elif head.startswith(b"get /count"):
        found = {"taken": Amazon.taken}
    body = json.dumps(found).encode()
    length = f"Content-Length: {len(body)}\r\n".encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + b"\r\n" + body


def serve(port: Connection) -> None:
    """Serve on a free port, which is told by `port`, for ever."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Amazon, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def amazon() -> Iterator[str]:
    """The other end in a process of its own; gives its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to."""

    per_second: float
    cpu_ms: float  # a message


def by_boto3(url: str, messages: int) -> Run:
    """Send from memory: nothing is kept, and nothing is tried again."""
    client = boto3.client(
        "sesv2",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        config=Config(max_pool_connections=AT_ONCE),
    )

    def send(at: int) -> None:
        raw = f"From: no-reply@desk.test\r\nTo: {at}@client.test\r\nSubject: {at}\r\n\r\n{TEXT}"
        client.send_email(
            FromEmailAddress="no-reply@desk.test",
            Destination={"ToAddresses": [f"{at}@client.test"]},
            Content={"Raw": {"Data": raw.encode()}},
        )

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(send, range(AT_ONCE)))  # warm
        used, began = time.process_time(), time.perf_counter()
        list(threads.map(send, range(messages)))
        took = time.perf_counter() - began
        spent = time.process_time() - used
    client.close()
    return Run(messages / took, 1000 * spent / messages)


def by_letterhead(url: str, messages: int, folder: Path) -> Run:
    """Hand in by the API, each batch on disk before its 202, and wait until the last has gone."""
    settings = {**KEYS, "AWS_ENDPOINT_URL": url, "LETTERHEAD_DEFAULT_ROUTE": f"ses:{REGION}"}
    platform = Platform(folder, settings)
    portal = platform.portal("hart")
    with httpx.Client(base_url=url) as http:
        portal.wait_for(portal.send(_message(0)), "sent")  # warm
        before = _taken(http)
        used, began = cpu(platform.process), time.perf_counter()
        for start in range(0, messages, BATCH):
            batch = {"messages": [_message(start + at) for at in range(BATCH)]}
            portal.call("POST", "/messages/batch", batch)
        while _taken(http) < before + messages:
            time.sleep(0.01)
        took = time.perf_counter() - began
        spent = cpu(platform.process) - used
    platform.stop()
    return Run(messages / took, 1000 * spent / messages)


def _message(at: int) -> dict[str, Any]:
    to = [{"email": f"client{at}@client.test"}]
    return {"to": to, "subject": f"Invoice {at}", "text": TEXT}


def _taken(http: httpx.Client) -> int:
    found: int = http.get("/count").json()["taken"]
    return found


def show(runs: dict[str, list[Run]], messages: int) -> None:
    """Print the medians, with the least and the most, and the ratio of both."""
    table = Table(title=f"{messages:,} messages of 5 KB by SES's API, {AT_ONCE} at once")
    for name in ("who", "messages/s", "least", "most", "CPU, ms a message"):
        table.add_column(name)
    for name, found in runs.items():
        rates = [each.per_second for each in found]
        cost = statistics.median(each.cpu_ms for each in found)
        rows = (statistics.median(rates), min(rates), max(rates))
        table.add_row(name, *(f"{each:,.0f}" for each in rows), f"{cost:.2f}")
    Console().print(table)
    ours, theirs = (statistics.median(each.per_second for each in of) for of in runs.values())
    Console().print(f"Letterhead / boto3: {ours / theirs:.2f}")
    Console().print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")


def main() -> None:
    """Measure both, one after the other, so many times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=4_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    runs: dict[str, list[Run]] = {"Letterhead": [], "boto3 in threads": []}
    with amazon() as url:
        for _ in range(asked.runs):
            with TemporaryDirectory(prefix="letterhead-ses-") as folder:
                ours = by_letterhead(url, asked.messages, Path(folder))
            runs["Letterhead"].append(ours)
            runs["boto3 in threads"].append(by_boto3(url, asked.messages))
    show(runs, asked.messages)


if __name__ == "__main__":
    main()
