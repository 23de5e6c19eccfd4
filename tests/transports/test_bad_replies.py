"""Replies that no server should give: none of them hangs, fills the memory or is believed."""

import asyncio
import contextlib
import socket
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.errors import Unreachable
from letterhead.mail.outcome import (
    Attempt,
    Deferred,
    Failed,
    Outcome,
    Stuck,
    Uncertain,
    judge,
)
from letterhead.mail.reply import Kind, Stage
from letterhead.transports.handover import BRISK
from letterhead.transports.replies import REPLY_LIMIT, ReplyReader
from letterhead.transports.wire import Wire
from tests.bad_inputs import Row, rows
from tests.servers.scripted import DRIP, ENDLESS, RESET, Scripted
from tests.transports.conftest import INVOICE, MakeWay, always

NOW = datetime(2026, 3, 1, tzinfo=UTC)

# Of each row: at which step the server says it, and what it must come to.
EXPECTED: dict[str, tuple[str, type[Outcome]]] = {
    "smtp_reply-001": ("MAIL", Deferred),  # endless; the connection is given up
    "smtp_reply-003": ("MAIL", Deferred),
    "smtp_reply-005": ("MAIL", Deferred),
    "smtp_reply-007": ("greeting", Stuck),
    "smtp_reply-009": ("RCPT", Deferred),
    "smtp_reply-011": ("RCPT", Deferred),
    "smtp_reply-013": ("AUTH", Stuck),
    "smtp_reply-015": ("dot", Stuck),
    "smtp_reply-017": ("dot", Failed),
    "smtp_reply-019": ("dot", Uncertain),
    "smtp_reply-021": ("DATA", Deferred),
    "smtp_reply-023": ("AUTH", Stuck),
    "smtp_reply-027": ("DATA", Deferred),
}
SPECIAL = {"smtp_reply-001": ENDLESS, "smtp_reply-027": RESET}
ELSEWHERE = {
    "smtp_reply-025",  # test_a_reply_that_drips_is_given_up_in_time
    "smtp_reply-029",  # test_smtp.test_no_login_under_a_certificate_that_is_not_right
}


def test_every_row_is_driven() -> None:
    assert {each.id for each in rows("smtp_reply")} == EXPECTED.keys() | ELSEWHERE


@pytest.mark.parametrize(
    "row", [each for each in rows("smtp_reply") if each.id in EXPECTED], ids=str
)
async def test_what_a_bad_reply_comes_to(server: Scripted, way: MakeWay, row: Row) -> None:
    step, expected = EXPECTED[row.id]
    server.answers[step] = SPECIAL.get(row.id) or row.octets
    transport = way()

    answer = await transport.send(INVOICE, always)
    outcome = judge(answer, Attempt("x", 1, resend=True), now=NOW)

    assert isinstance(outcome, expected), answer
    if row.expect == "pause_connection_keep_mail":
        assert isinstance(outcome, Stuck)
        assert outcome.fault.pauses


async def test_a_reply_that_drips_is_given_up_in_time(server: Scripted) -> None:
    server.answers["greeting"] = DRIP
    connection = await _connected(server)
    wire = await Wire.over(connection)

    began = time.monotonic()
    with pytest.raises(Unreachable) as error:
        await wire.reply(0.5)

    assert error.value.kind == Kind.TIMED_OUT
    assert time.monotonic() - began < 3


async def _connected(server: Scripted) -> Any:
    connection = socket.socket()
    connection.settimeout(0)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", server.port))
    return connection


def test_a_test_mail_is_given_up_within_45_seconds() -> None:
    assert BRISK.whole <= 45


@given(st.binary(max_size=400), st.integers(1, 20))
def test_octets_become_replies_or_an_end(octets: bytes, cut: int) -> None:
    reader = ReplyReader()

    with contextlib.suppress(Unreachable):
        for start in range(0, len(octets), cut):
            for said in reader.feed(octets[start : start + cut]):
                assert 200 <= said.code <= 559
                said.to(Stage.MESSAGE).text.encode()


@given(
    st.lists(st.binary(max_size=40).map(lambda text: text.translate(None, b"\r\n")), min_size=1),
    st.sampled_from([220, 250, 354, 421, 550]),
    st.integers(1, 9),
)
def test_a_reply_is_read_however_it_is_cut(lines: list[bytes], code: int, cut: int) -> None:
    marks = [b"-"] * (len(lines) - 1) + [b" "]
    octets = b"".join(
        b"%d%s%s\r\n" % (code, mark, text) for mark, text in zip(marks, lines, strict=True)
    )
    reader = ReplyReader()

    found = [
        said for at in range(0, len(octets), cut) for said in reader.feed(octets[at : at + cut])
    ]

    assert [(each.code, each.lines) for each in found] == [(code, tuple(lines))]
    assert not reader.midway


def test_an_endless_reply_is_given_up_before_it_fills_the_memory() -> None:
    with pytest.raises(Unreachable):
        list(ReplyReader().feed((b"250-" + b"x" * 1000 + b"\r\n") * 100))
    with pytest.raises(Unreachable):
        list(ReplyReader().feed(b"250-x\r\n" * 101))
    with pytest.raises(Unreachable):
        list(ReplyReader().feed(b"250 " + b"x" * REPLY_LIMIT))
