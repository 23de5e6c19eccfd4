"""What a line of messages writes, and whose reply is whose, however it is cut."""

import asyncio
from collections.abc import Sequence
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from letterhead.errors import Unreachable
from letterhead.mail.reply import Answer, Break, Reply, Stage
from letterhead.transports.handover import PATIENT, Handover
from letterhead.transports.session import Offers, Session
from letterhead.transports.transaction import transact
from letterhead.transports.wire import Wire
from tests.transports.conftest import always
from tests.transports.test_window import to

GROUPS = {
    "taken": (b"250 2.1.0 Ok\r\n", b"250 2.1.5 Ok\r\n", b"354 Go\r\n", b"250 2.0.0 Queued\r\n"),
    "spam": (b"250 2.1.0 Ok\r\n", b"250-2\r\n250 Ok\r\n", b"354 Go\r\n", b"550 5.7.1 Spam\r\n"),
    "unknown": (b"250 2.1.0 Ok\r\n", b"550 5.1.1 No\r\n", b"503 5.5.1 No\r\n"),
}


class Pipe(asyncio.Transport):
    """The other end: keeps what is written, and answers each write with what is due by then."""

    def __init__(self, wire: Wire, replies: Sequence[bytes], size: int) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self._wire = wire
        self._replies = replies
        self._said = 0
        self._size = size
        self._loop = asyncio.get_running_loop()
        wire.connection_made(self)
        wire.data_received(b"220 pipe.test\r\n")

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))
        said = b"\r\n" + data
        words = (b"RSET\r\n", b"MAIL FROM", b"RCPT TO", b"DATA\r\n", b"\r\n.\r\n")
        due = sum(map(said.count, words))
        octets = b"".join(self._replies[self._said : self._said + due])
        self._said += due
        for at in range(0, len(octets), self._size):
            self._loop.call_soon(self._wire.data_received, octets[at : at + self._size])
        if self._said >= len(self._replies):
            self._loop.call_soon(self._wire.connection_lost, None)

    def abort(self) -> None:
        """The test ends it."""


async def sent(
    replies: Sequence[bytes], count: int, *, size: int = 1000
) -> tuple[list[Answer], list[bytes]]:
    """The answers to so many messages over one session until it breaks, and what was written."""
    wire, answers = Wire(), list[Answer]()
    pipe = Pipe(wire, replies, size)
    await wire.reply(1)
    session = Session(wire, Offers(pipelining=True))
    envelopes = to(*(f"r{at}" for at in range(count)))
    for at, envelope in enumerate(envelopes):
        handover = Handover(PATIENT)
        behind = envelopes[at + 1] if at + 1 < count else None
        try:
            answers.append(
                await transact(session, envelope, always, handover, upcoming=lambda b=behind: b)  # type: ignore[misc]
            )
        except Unreachable as error:
            answers.append(handover.broken(error))
            break
    return answers, pipe.writes


async def test_a_message_takes_one_round_trip_behind_the_first() -> None:
    answers, writes = await sent(GROUPS["taken"] * 5, 5)

    assert [answer.code for answer in answers if isinstance(answer, Reply)] == [250] * 5
    assert len(writes) == 5 + 1
    for at, each in enumerate(writes[1:-1]):
        text, _, behind = each.partition(b"\r\n.\r\n")
        assert text.endswith(b"Dear Anna")
        assert behind.startswith(b"MAIL FROM:<office@hart.test>\r\nRCPT TO:<r%d@" % (at + 1))
        assert behind.endswith(b"\r\nDATA\r\n")
    assert writes[-1].endswith(b"\r\n.\r\n")


@given(
    st.lists(st.sampled_from(sorted(GROUPS)), min_size=1, max_size=6),
    st.integers(0, 28),
    st.integers(1, 40),
)
def test_each_answer_is_its_message_s_and_a_cut_leaves_at_most_one_unsure(
    names: Sequence[str], cut: int, size: int
) -> None:
    groups = _groups(names)
    left = cut

    answers, writes = asyncio.run(sent([*chain(*groups)][:cut], len(names), size=size))

    for answer, group in zip(answers, groups, strict=False):
        code = next((each[:3] for each in group if each[:1] in b"45"), group[-1][:3])
        assert isinstance(answer, Reply) is (left >= len(group))
        assert not isinstance(answer, Reply) or answer.code == int(code)
        left -= len(group)
    unsure = [each for each in answers if isinstance(each, Break) and each.after_dot]
    ended = [each for each in answers if isinstance(each, Reply) and each.stage is Stage.MESSAGE]
    assert len(unsure) <= 1
    assert b"".join(writes).count(b"\r\n.\r\n") == len(unsure) + len(ended)


def _groups(names: Sequence[str]) -> list[Sequence[bytes]]:
    """The replies of each message; behind a recipient that was refused comes RSET."""
    behind = [False, *(name == "unknown" for name in names)]
    return [
        (b"250 2.0.0 Ok\r\n",) * reset + GROUPS[name]
        for reset, name in zip(behind, names, strict=False)
    ]


@given(
    st.lists(
        st.sampled_from([b"250 Ok\r\n", b"354 Go\r\n", b"421 No\r\n", b"550 No\r\n", b"xyz\r\n"])
    )
)
def test_whatever_is_said_no_message_is_sent_without_a_go_ahead(replies: Sequence[bytes]) -> None:
    answers, writes = asyncio.run(sent(replies, 4))

    unsure = [each for each in answers if isinstance(each, Break) and each.after_dot]
    assert len(unsure) <= 1
    assert b"".join(writes).count(b"Dear Anna\r\n.\r\n") <= replies.count(b"354 Go\r\n")
