"""
Hand messages over: our SMTP session beside aiosmtplib, in turns, in one run.

    python -m benchmarks.sessions                   three rounds, medians and ratios
    python -m benchmarks.sessions --delays 0 50     with each reply so many ms late

Each client is a process of its own, with 20 sessions (STARTTLS and a login) to the upstream of the
project, a process too. Messages have 5 KB. The clock runs from the first connection to the last
answer, and nothing is kept by the client.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import aiosmtplib
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.processes import ended_with_us
from benchmarks.smtp_load import message
from letterhead.demo import certificate
from letterhead.demo.stand import LOGIN, SERVER, end, start_upstream
from letterhead.egress import Egress, tls_context
from letterhead.mail.reply import Answer, Reply
from letterhead.mail.secret import Secret
from letterhead.mail.server import Encryption, Envelope, Server
from letterhead.transports.smtp import SmtpTransport

SESSIONS = 20
WINDOW = 4
PASSWORD = "an-upstream-of-the-benchmark"
console = Console(width=120, highlight=False)


@dataclass(frozen=True, slots=True)
class Run:
    """What one load came to."""

    per_second: float
    cpu_ms: float  # of the client, a message


# The clients: each hands the messages of one session over, which it may share with nobody


async def by_aiosmtplib(port: int, authority: Path, shares: Sequence[Sequence[Envelope]]) -> None:
    tls = tls_context(authority)

    async def send(envelopes: Sequence[Envelope]) -> None:
        smtp = aiosmtplib.SMTP(
            hostname=SERVER,
            port=port,
            start_tls=True,
            username=LOGIN,
            password=PASSWORD,
            local_hostname="bench.test",
            tls_context=tls,
        )
        async with smtp:
            for each in envelopes:
                await smtp.sendmail(each.sender, each.recipient, each.content[0])

    await _at_once(send, shares)


async def by_ours(
    port: int, authority: Path, shares: Sequence[Sequence[Envelope]], *, window: int
) -> None:
    way = SmtpTransport(
        Server(
            SERVER,
            port,
            Encryption.STARTTLS,
            login=LOGIN,
            password=Secret(PASSWORD),
            trusted=True,
            connections=len(shares),
            window=window,
        ),
        Egress(),
        tls=tls_context(authority),
        ehlo="bench.test",
    )
    await _at_once(partial(_in_windows if way.together else _in_line, way), shares)
    await way.close()


async def _in_line(way: SmtpTransport, envelopes: Sequence[Envelope]) -> None:
    rest = deque(envelopes)
    line = way.line(lambda: rest[0] if rest else None)
    while rest:
        _demand(await line.send(rest.popleft(), _go))


async def _in_windows(way: SmtpTransport, envelopes: Sequence[Envelope]) -> None:
    assert way.together
    sent = 0

    def told(_: int, answer: Answer) -> None:
        nonlocal sent
        _demand(answer)
        sent += 1

    while sent < len(envelopes):
        await way.together.send(envelopes[sent : sent + WINDOW], _go, told)


async def _go() -> bool:
    return True


def _demand(answer: Answer) -> None:
    if not (isinstance(answer, Reply) and answer.positive):
        raise SystemExit(f"not taken: {answer}")


async def _at_once(
    send: Callable[[Sequence[Envelope]], Awaitable[None]], shares: Sequence[Sequence[Envelope]]
) -> None:
    await asyncio.gather(*map(send, shares))


Client = Callable[[int, Path, Sequence[Sequence[Envelope]]], Coroutine[None, None, None]]
CLIENTS: Mapping[str, Client] = {
    "Letterhead, window 1": partial(by_ours, window=1),
    f"Letterhead, window {WINDOW}": partial(by_ours, window=WINDOW),
    "aiosmtplib": by_aiosmtplib,
}


def load(asked: argparse.Namespace) -> None:
    """Be one client, and print what it took."""
    envelopes = [_envelope(at) for at in range(asked.messages)]
    shares = [envelopes[at::SESSIONS] for at in range(SESSIONS)]
    began, used = time.perf_counter(), time.process_time()
    uvloop.run(CLIENTS[asked.client](asked.port, asked.authority, shares))
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"seconds": seconds, "cpu": cpu}))


def _envelope(number: int) -> Envelope:
    content = message(LOGIN, number).removesuffix(b".\r\n")  # the final dot is the session's
    return Envelope(LOGIN, f"client{number}@client.test", (content,))


# The measurement


def measure(client: str, port: int, folder: Path, messages: int) -> Run:
    """Let one client run once."""
    words = ["--client", client, "--port", port, "--messages", messages]
    words += ["--authority", folder / "authority.pem"]
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "benchmarks.sessions", *map(str, words)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    took = json.loads(done.stdout)
    return Run(messages / took["seconds"], 1000 * took["cpu"] / messages)


def compare(delay: int, *, messages: int, rounds: int) -> dict[str, list[Run]]:
    """Measure in turns, so that a noisy minute is noisy for all."""
    found: dict[str, list[Run]] = {each: [] for each in CLIENTS}
    with TemporaryDirectory(prefix="letterhead-sessions-") as name:
        folder = Path(name)
        (folder / "mailbox").mkdir()
        files = certificate.made(folder, SERVER)
        upstream, port = start_upstream(folder, files, PASSWORD, "--delay", str(delay))
        try:
            for _ in range(rounds):
                for client, runs in found.items():
                    runs.append(measure(client, port, folder, messages))
        finally:
            end(upstream)
    return found


def show(title: str, found: dict[str, list[Run]]) -> None:
    """Print medians, and the ratio of each client to the last one."""
    table = Table(title=title)
    for name in ("client", "messages/s", "ratio", "CPU, ms a message", "ratio"):
        table.add_column(name, justify="left" if name == "client" else "right")
    *_, base = found.values()
    for name, runs in found.items():
        rates = [each.per_second for each in runs]
        rate, used = statistics.median(rates), _cpu(runs)
        table.add_row(
            name,
            f"{rate:,.0f} ({min(rates):,.0f} to {max(rates):,.0f})",
            f"{rate / statistics.median(each.per_second for each in base):.2f}",
            f"{used:.3f}",
            f"{used / _cpu(base):.2f}",
        )
    console.print(table)


def _cpu(runs: Sequence[Run]) -> float:
    return statistics.median(each.cpu_ms for each in runs)


def main() -> None:
    """Read the command line; measure, or be what is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delays", type=int, nargs="+", default=[0, 50])
    parser.add_argument("--client", choices=CLIENTS)
    parser.add_argument("--port", type=int)
    parser.add_argument("--authority", type=Path)
    asked = parser.parse_args()
    if asked.client:
        load(asked)
        return
    with ended_with_us():
        for delay in asked.delays:
            what = f"{asked.messages:,} messages of 5 KB, {SESSIONS} sessions"
            found = compare(delay, messages=asked.messages, rounds=asked.rounds)
            show(f"{what}, replies {delay} ms late", found)


if __name__ == "__main__":
    main()
