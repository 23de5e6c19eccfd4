"""The upstream of demo and benchmarks counts what comes, by DATA or BDAT, and answers all."""

import asyncio
import os
import ssl
from collections import Counter
from pathlib import Path

import pytest

from letterhead.demo.tally import arrivals
from letterhead.demo.upstream import Upstream
from letterhead.mail.reply import Answer, Reply
from letterhead.mail.server import Encryption, Envelope
from tests.transports.conftest import PASSWORD, MakeWay, always


def letter(number: int) -> Envelope:
    """A letter with a line that would end it by DATA, were its dot not doubled."""
    content = f"Message-ID: <{number}@hart.test>\r\n\r\nDear Anna\r\n.\r\nHart\r\n".encode()
    return Envelope("office@hart.test", f"client{number}@client.test", (content,))


@pytest.mark.parametrize("window", [1, 4])
async def test_each_message_stands_in_the_journal_once(
    way: MakeWay, context: ssl.SSLContext, tmp_path: Path, window: int
) -> None:
    journal = os.open(tmp_path / "journal", os.O_WRONLY | os.O_CREAT)
    upstream = Upstream(
        "office@hart.test", PASSWORD, context, journal, implicit=True, folder=tmp_path
    )
    async with await upstream.listen() as listening:
        port = listening.sockets[0].getsockname()[1]
        made = way(port=port, encryption=Encryption.TLS, window=window)
        left = [letter(at) for at in range(9)]
        while left:
            told: dict[int, Answer] = {}
            if made.together:
                await made.together.send(left[:window], always, told.__setitem__)
            else:
                told[0] = await made.send(left[0], always)
            assert all(isinstance(each, Reply) and each.positive for each in told.values()), told
            left = left[len(told) :]
        await made.close()
    os.close(journal)

    assert arrivals(tmp_path / "journal").times == Counter(map(str, range(9)))
    texts = [(tmp_path / f"{at}.eml").read_bytes().rstrip(b"\r\n") for at in range(1, 10)]
    assert texts[-1].replace(b"\r\n..", b"\r\n.") == letter(8).content[0].rstrip(b"\r\n")


@pytest.mark.parametrize("delay", [0.0, 0.01])
async def test_what_came_before_a_quit_in_one_read_is_answered(
    context: ssl.SSLContext, delay: float
) -> None:
    upstream = Upstream("office@hart.test", PASSWORD, context, implicit=True, delay=delay)
    async with await upstream.listen() as listening:
        port = listening.sockets[0].getsockname()[1]
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        writer.write(b"EHLO mail.hart.test\r\nRSET\r\nQUIT\r\n")
        said = await reader.read()
        writer.close()

    last = [line[:3] for line in said.splitlines() if line[3:4] == b" "]
    assert last == [b"220", b"250", b"250", b"221"]
