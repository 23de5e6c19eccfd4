"""
Wherever a connection breaks, each mail arrives or fails, and is never lost.

Before the final dot it is tried again; after it nobody knows (RFC 1047), and it is `uncertain`, or
sent again with the same Message-ID.
"""

import asyncio
import random
import re
import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from letterhead.mail.letter import Lane, Letter
from letterhead.mail.message import OnUncertain
from letterhead.store.database import Database
from letterhead.transports.handover import BRISK, Timeouts
from tests.servers.scripted import DEAF, DROP, RESET, SILENCE, Scripted
from tests.transports import office
from tests.transports.conftest import MakeWay
from tests.transports.office import Office

SHORT = 2.0  # seconds
QUICK: Timeouts = replace(
    BRISK, greeting=SHORT, command=SHORT, data=SHORT, block=SHORT, dot=SHORT, tls=SHORT
)
HALF = b"250 2.0"  # and then nothing: the connection is closed
LARGE = b"Subject: Invoice\r\n\r\n" + (b"x" * 900 + b"\r\n") * 9_000  # no buffer holds it

States = list[tuple[str, int]]  # of each mail its status, and its attempts

EARLY = ("greeting", "EHLO", "STARTTLS", "EHLO under TLS", "AUTH")
LATE = ("MAIL", "RCPT", "DATA", "body")
UNSURE = ("dot",)
POINTS = (*EARLY, *LATE, *UNSURE, "after")
BREAKS: Mapping[bytes, Mapping[str, bytes]] = {
    DROP: dict.fromkeys(POINTS, DROP),
    RESET: dict.fromkeys(POINTS, RESET),
    SILENCE: {**dict.fromkeys(POINTS, SILENCE), "body": DEAF},
    HALF: {"dot": HALF},
}


class Walk:
    """Two mails of a portal, one of each kind, that meet a break."""

    def __init__(self, of: Office, server: Scripted, point: str) -> None:
        self._of = of
        self._server = server
        self._point = point
        self._letters: list[Letter] = []

    async def hand_in(self) -> None:
        content = LARGE if self._point == "body" else b"Subject: Invoice\r\n\r\nDear Anna\r\n"
        for each in (OnUncertain.RESEND, OnUncertain.HOLD):
            self._letters.append(
                await self._of.keep(
                    1, on_uncertain=each, header_id=f"<{each}@hart.test>", content=content
                )
            )

    async def work(self, minutes: int = 0) -> States:
        """Drain after so many minutes; gives the status and the attempts of both mails."""
        self._of.now += timedelta(minutes=minutes)
        await self._of.drain(Lane.LIVE)
        left = [(await self._of.left(each)).recipients[0] for each in self._letters]
        return [(each.status, each.attempts) for each in left]

    def arrived(self) -> Mapping[str, int]:
        """How often the server had each Message-ID, whatever it said then."""
        found = [
            re.findall(rb"Message-ID: <(\w+)@", each.content)[0] for each in self._server.taken
        ]
        return Counter(each.decode() for each in found)


@pytest.mark.parametrize("how", BREAKS, ids=["drop", "reset", "time-out", "half a reply"])
async def test_a_break_before_the_dot_is_tried_again_and_one_after_it_is_uncertain(
    how: bytes, database: Database, way: MakeWay, context: ssl.SSLContext
) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        walks = [
            tasks.create_task(_break_at(point, answer, database, way, context))
            for point, answer in BREAKS[how].items()
        ]

    for each in walks:
        _look(*each.result())
    assert [each.result()[1] for each in walks] == list(BREAKS[how])


async def _break_at(
    point: str, how: bytes, database: Database, way: MakeWay, context: ssl.SSLContext
) -> tuple[Walk, str, States, States]:
    server = Scripted(tls=context, answers={point: how})
    async with await server.listen():
        made = way(port=server.port, timeouts=QUICK)
        slug = point.replace(" ", "-").lower()
        walk = Walk(await office.opened(database, made, slug=slug), server, point)
        await walk.hand_in()

        first = await walk.work()
        server.answers.clear()
        second = await walk.work(minutes=10)
        await made.close()
        return walk, point, first, second


def _look(walk: Walk, point: str, first: States, second: States) -> None:
    sent = ("sent", 1)
    if point in EARLY:
        assert first == [("queued", 0)] * 2, point  # the connection waits, the mails lose nothing
        assert second == [sent] * 2, point
    elif point in LATE:
        assert first == [("queued", 1)] * 2, point
        assert second == [("sent", 2)] * 2, point
    elif point in UNSURE:
        assert first == [("queued", 1), ("uncertain", 1)], point
        assert second == [("sent", 2), ("uncertain", 1)], point
    else:
        assert first[0] == sent, point  # and the next one found the session closed, or silent
        assert [status for status, _ in second] == ["sent"] * 2, point
    twice = 2 if point in UNSURE else 1
    assert walk.arrived() == {"resend": twice, "hold": 1}, point


FATES: Mapping[str, Mapping[str, bytes]] = {
    "taken": {},
    "busy": {"RCPT": b"450 4.2.1 Busy\r\n", "DATA": b"503 5.5.1 No\r\n"},
    "unknown": {"RCPT": b"550 5.1.1 User unknown\r\n", "DATA": b"503 5.5.1 No\r\n"},
    "put off": {"dot": b"450 4.3.0 Later\r\n"},
    "refused": {"dot": b"550 5.7.1 Spam\r\n"},
    "reset": {"RCPT": RESET},
}
ENDS = ("taken", "unknown", "refused")


async def test_of_a_hundred_recipients_each_has_the_message_once_or_failed_once(
    database: Database, server: Scripted, way: MakeWay
) -> None:
    dice = random.Random(7)  # noqa: S311 - the same each time
    of = await office.opened(database, way(connections=3))
    letter = await of.keep(100)
    people = [each.email for each in letter.addressees]
    fates = {
        each: [*dice.choices([*FATES], k=dice.randrange(3)), dice.choice(["taken", "unknown"])]
        for each in people
    }
    ends = {each: next(fate for fate in fates[each] if fate in ENDS) for each in people}

    def fate(email: str) -> Mapping[str, bytes]:
        tried = server.said.count(f"RCPT TO:<{email}>")
        return FATES[fates[email][tried - 1]] if tried else {}

    server.of_recipient = fate
    for _ in range(4):
        await of.drain(Lane.LIVE)
        of.now += timedelta(hours=6)
    left = await of.left(letter)

    status = {"taken": "sent", "unknown": "failed", "refused": "failed"}
    assert dict(zip(left.email, left.status, strict=True)) == {
        each: status[ends[each]] for each in people
    }
    assert Counter(each.recipient for each in server.taken) == {
        each: 1 for each in people if ends[each] == "taken"
    }
    assert {*ends.values()} == {"taken", "unknown", "refused"}
