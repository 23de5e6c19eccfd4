"""Many who say nothing, and some who say it slowly: neither keeps others from coming in."""

import asyncio
import re
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import cast

import pytest

from letterhead.actions.office import Office
from letterhead.submission import Server
from letterhead.submission.certificate import Identity
from letterhead.submission.limits import Limits
from letterhead.submission.session import Session
from tests.running import Portal
from tests.submission.clients import Access, Letter, with_smtplib

IDLE = 1_000
SHORT = Limits(entrance=0.4, command=0.4, message=0.4, leave=0.2)
TIMED_OUT = b"421 4.4.2"

Prepare = Callable[[Session], None]


@pytest.fixture
def many_files() -> Iterator[None]:
    """Each connection is a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * IDLE), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("way", ["starttls"], indirect=True)
def test_a_thousand_idle_connections_keep_nobody_out(
    access: Access, portal: Portal, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", access.port), timeout=30))
            for _ in range(IDLE)
        ]
        greetings = [each.recv(100) for each in idle]
        open_now = _open_sessions(portal)

        sent = with_smtplib(access, Letter("Through the crowd", ["anna@client.test"]), tmp_path)

        for each in idle:
            each.sendall(b"NOOP\r\n")
        answers = [each.recv(100) for each in idle]
    assert {each[:4] for each in greetings} == {b"220 "}
    assert open_now >= IDLE
    assert sent.ok, sent.said
    assert len(portal.call("GET", "/messages")["items"]) == 1
    assert {each[:4] for each in answers} == {b"250 "}


def _open_sessions(portal: Portal) -> int:
    metrics = portal.platform.http.get("/metrics").text
    found = re.search(r"^letterhead_submission_sessions\S* (\d+)", metrics, re.MULTILINE)
    assert found, metrics
    return int(found[1])


def _stranger(session: Session) -> None:
    """Nobody has signed in."""


def _signed_in(session: Session) -> None:
    session._dialogue.admit()


def _sending(session: Session) -> None:
    session._dialogue.admit()
    session._dialogue.begin("shop@firm.test")


@pytest.fixture
async def made(request: pytest.FixtureRequest) -> AsyncIterator[tuple[int, Server]]:
    """A door of little patience, whose sessions have come as far as the test wants."""
    prepare: Prepare = request.param
    server = Server(cast("Office", None), cast("Identity", None), "door.test", SHORT)

    def enter() -> Session:
        session = server.enter("127.0.0.1", implicit=True)
        assert session is not None
        prepare(session)
        return session

    listening = await asyncio.get_running_loop().create_server(enter, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], server


@pytest.mark.parametrize(
    ("made", "first", "drop"),
    [
        (_stranger, b"", b"N"),
        (_stranger, b"", b"NOOP\r\n"),  # whole commands are no way round the entrance's end
        (_signed_in, b"", b"N"),
        (_sending, b"RCPT TO:<anna@client.test>\r\nDATA\r\n", b"a line\r\n"),
        (_sending, b"RCPT TO:<anna@client.test>\r\nBDAT 100000\r\n", b"x"),
    ],
    ids=["stranger, octets", "stranger, commands", "command", "message", "chunk"],
    indirect=["made"],
)
async def test_who_drips_is_sent_off(made: tuple[int, Server], first: bytes, drop: bytes) -> None:
    port, server = made
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)

    async def drip() -> None:
        with suppress(OSError):
            while True:
                writer.write(drop)
                await writer.drain()
                await asyncio.sleep(0.05)

    dripping = asyncio.ensure_future(drip())
    try:
        async with asyncio.timeout(5):
            said = await reader.read()
    finally:
        dripping.cancel()
        writer.close()

    assert TIMED_OUT in said
    assert server.sessions == 0
