"""A line of messages: the next envelope leaves with a final dot, and each reply is its own's."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.errors import Unreachable
from letterhead.mail.letter import Lane
from letterhead.mail.message import OnUncertain
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage
from letterhead.mail.server import Envelope
from letterhead.store.database import Database
from letterhead.transports.handover import PATIENT, Handover
from letterhead.transports.session import Offers, Session
from letterhead.transports.smtp import SmtpTransport
from letterhead.transports.transaction import transact
from letterhead.transports.wire import Wire
from tests.servers.scripted import DROP, RESET, SILENCE, Scripted
from tests.transports import office
from tests.transports.conftest import INVOICE, MakeWay, always
from tests.transports.test_gap import QUICK

TAKEN = Reply(Stage.MESSAGE, 250, "2.0.0 Queued")


def to(*names: str) -> list[Envelope]:
    return [replace(INVOICE, recipient=f"{name}@client.test") for name in names]


def verbs(server: Scripted) -> list[str]:
    return [line.partition(" ")[0] for line in server.said if line]


def had(server: Scripted) -> list[str]:
    """Whose message has come; an empty one ends a DATA that was asked for too much."""
    return [each.recipient.partition("@")[0] for each in server.taken if each.content]


def only(server: Scripted, name: str, answers: Mapping[str, bytes]) -> None:
    """Let the server answer so for one recipient, and to the MAIL behind it."""
    server.of_recipient = lambda email: answers if email == f"{name}@client.test" else {}


async def in_line(
    way: SmtpTransport, envelopes: Sequence[Envelope], no_dot: str = ""
) -> list[Answer]:
    """What becomes of messages, each of which is upcoming while the one before it is sent."""
    rest, answers = list(envelopes), list[Answer]()
    line = way.line(lambda: rest[0] if rest else None)
    while rest:
        envelope = rest.pop(0)

        async def before_dot(envelope: Envelope = envelope) -> bool:
            return envelope.recipient != f"{no_dot}@client.test"

        answers.append(await line.send(envelope, before_dot))
    return answers


async def one_by_one(way: SmtpTransport, envelopes: Sequence[Envelope]) -> list[Answer]:
    return [await way.send(each, always) for each in envelopes]


async def test_a_session_carries_a_hundred_and_announces_nothing_behind_the_last(
    server: Scripted, way: MakeWay
) -> None:
    made = way(timeouts=QUICK)

    answers = await in_line(made, to(*map(str, range(250))))
    await made.close()

    assert answers == [TAKEN] * 250
    assert had(server) == [*map(str, range(250))]
    assert (server.connections, verbs(server).count("QUIT")) == (3, 3)
    assert verbs(server).count("DATA") == 250


BAD: Mapping[str, bytes] = {
    "busy": b"450 4.2.1 Busy\r\n",
    "no": b"550 5.7.1 No\r\n",
    "unknown command": b"503 5.5.1 No\r\n",
    "hangs up": b"421 4.7.0 Enough\r\n",
    "drop": DROP,
    "reset": RESET,
    "no SMTP": b"Yes?\r\n",
    "half": b"250 2.0",
    "another's": b"235 2.7.0 Welcome\r\n",
    "too early": b"354 Go ahead\r\n",
    "one too many": b"250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n",
}


@pytest.mark.parametrize("step", ["RCPT", "DATA", "dot"])
@pytest.mark.parametrize("how", BAD)
async def test_what_becomes_of_each_is_what_becomes_of_it_alone(
    server: Scripted, way: MakeWay, step: str, how: str
) -> None:
    envelopes = to("a", "b", "c")
    only(server, "b", {step: BAD[how]})
    alone, had_alone = await one_by_one(way(timeouts=QUICK), envelopes), had(server)
    server.taken.clear()

    answers = await in_line(way(timeouts=QUICK), envelopes)

    assert list(map(_found, answers)) == list(map(_found, alone))
    assert had(server) == had_alone


def _found(answer: Answer) -> object:
    """A reset may overtake what was said before it."""
    if isinstance(answer, Reply):
        return answer
    return answer.kind, answer.after_dot


@pytest.mark.parametrize("how", [*BAD, "silence"])
async def test_a_bad_answer_to_an_announced_sender_leaves_the_message_untouched(
    server: Scripted, way: MakeWay, how: str
) -> None:
    only(server, "a", {"MAIL": BAD.get(how, SILENCE)})

    answers = await in_line(way(timeouts=QUICK), to("a", "b", "c"))

    second = Reply(Stage.SENDER, 450, "4.2.1 Busy") if how == "busy" else TAKEN
    assert answers == [TAKEN, second, TAKEN]
    assert had(server) == (["a", "c"] if how == "busy" else ["a", "b", "c"])


async def test_a_server_that_does_not_bear_a_command_with_a_dot_is_asked_without(
    server: Scripted, way: MakeWay
) -> None:
    server.of_recipient = lambda _: (
        {"MAIL": b"503 5.5.1 Not yet\r\n"} if verbs(server).count("MAIL") == 2 else {}
    )

    answers = await in_line(way(timeouts=QUICK), to("a", "b", "c"))

    assert answers == [TAKEN] * 3
    assert had(server) == ["a", "b", "c"]


async def test_a_sender_that_is_refused_for_good_is_so_after_a_second_time(
    server: Scripted, way: MakeWay
) -> None:
    server.of_recipient = lambda _: {"MAIL": b"550 5.7.1 No\r\n"} if server.taken else {}

    answers = await in_line(way(timeouts=QUICK), to("a", "b"))

    assert answers == [TAKEN, Reply(Stage.SENDER, 550, "5.7.1 No")]
    assert verbs(server).count("MAIL") == 3
    assert had(server) == ["a"]


async def test_a_server_that_answers_a_dot_twice_gets_no_more_announcements(
    server: Scripted, way: MakeWay
) -> None:
    server.answers["dot"] = b"250 2.0.0 Queued\r\n250 2.0.0 Really\r\n"

    answers = await in_line(way(timeouts=QUICK), to("a", "b", "c", "d"))

    assert answers == [TAKEN] * 4
    assert had(server) == ["a", "b", "c", "d"]
    assert verbs(server).count("MAIL") == 4 + 1


async def test_after_a_cut_behind_a_dot_nothing_is_announced_for_a_while(
    server: Scripted, way: MakeWay
) -> None:
    only(server, "a", {"dot": DROP})

    answers = await in_line(way(timeouts=QUICK), to("a", "b", "c"), no_dot="c")

    assert isinstance(answers[0], Break)
    assert answers[0].after_dot
    assert answers[1] == TAKEN
    assert had(server) == ["a", "b"]
    assert verbs(server)[-4:] == ["DATA", "MAIL", "RCPT", "DATA"]


async def test_without_a_go_of_the_lease_an_announced_message_is_not_sent_not_even_empty(
    server: Scripted, way: MakeWay
) -> None:
    answers = await in_line(way(timeouts=QUICK), to("a", "b", "c"), no_dot="b")

    assert isinstance(answers[1], Break)
    assert (answers[1].kind, answers[1].after_dot) == (Kind.STALE, False)
    assert [answers[0], answers[2]] == [TAKEN] * 2
    assert had(server) == ["a", "c"]
    assert (server.connections, len(server.taken)) == (2, 2)


async def test_no_text_goes_to_another_than_was_announced(server: Scripted, way: MakeWay) -> None:
    a, b, other = to("a", "b", "other")
    line = way(timeouts=QUICK).line(lambda: other)

    answers = [await line.send(each, always) for each in (a, b)]

    assert answers == [TAKEN] * 2
    assert had(server) == ["a", "b"]
    assert server.connections == 2


async def test_a_session_to_which_something_is_announced_keeps_its_seat(
    server: Scripted, way: MakeWay
) -> None:
    made = way(connections=1, timeouts=QUICK)
    a, b, c = to("a", "b", "c")
    line = made.line(lambda: None if had(server) else b)

    await line.send(a, always)
    other = asyncio.create_task(made.send(c, always))
    await asyncio.sleep(0.05)
    waited = had(server) == ["a"]
    answers = [await line.send(b, always), await other]

    assert waited
    assert answers == [TAKEN] * 2
    assert (server.connections, had(server)) == (1, ["a", "b", "c"])


async def test_a_line_that_is_cancelled_leaves_its_seat(server: Scripted, way: MakeWay) -> None:
    made = way(connections=1, timeouts=QUICK)
    a, b, c = to("a", "b", "c")
    only(server, "a", {"dot": SILENCE})
    line = made.line(lambda: b)
    sending = asyncio.create_task(line.send(a, always))
    async with asyncio.timeout(5):
        while not server.taken:  # noqa: ASYNC110 - the server says it to nobody else
            await asyncio.sleep(0.01)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)

    answer = await made.send(c, always)

    assert answer == TAKEN
    assert had(server) == ["a", "c"]


async def test_what_cannot_be_sent_is_not_announced(server: Scripted, way: MakeWay) -> None:
    unsendable = replace(INVOICE, recipient="änna@client.test")

    answers = await in_line(way(timeouts=QUICK), [*to("a"), unsendable, *to("b")])

    assert isinstance(answers[1], Reply)
    assert (answers[1].stage, answers[1].code) == (Stage.RECIPIENT, 501)
    assert had(server) == ["a", "b"]
    assert server.connections == 1


async def test_large_messages_are_announced_as_well(server: Scripted, way: MakeWay) -> None:
    large = [replace(each, content=(b"x" * 900 + b"\r\n",) * 200) for each in to("a", "b", "c")]

    answers = await in_line(way(timeouts=QUICK), large)

    assert answers == [TAKEN] * 3
    assert {each.content for each in server.taken} == {(b"x" * 900 + b"\r\n") * 200}
    assert server.connections == 1


async def test_of_mails_that_are_held_a_cut_behind_a_dot_leaves_one_unsure(
    server: Scripted, way: MakeWay, database: Database
) -> None:
    of = await office.opened(database, way(connections=1))
    letter = await of.keep(12, on_uncertain=OnUncertain.HOLD)
    only(server, "client6", {"dot": DROP})

    await of.drain(Lane.LIVE)
    left = await of.left(letter)

    assert left.status == ["sent"] * 6 + ["uncertain"] + ["sent"] * 5
    assert left.attempts == [1] * 12
    assert sorted(had(server)) == sorted(f"client{at}" for at in range(12))


# What is written when, and whose reply is whose, however it is cut


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


async def test_without_pipelining_nothing_leaves_with_a_dot(server: Scripted, way: MakeWay) -> None:
    server.offers = ("8BITMIME",)
    asked = list[str]()

    def upcoming() -> None:
        asked.append("")

    answer = await way(timeouts=QUICK).line(upcoming).send(INVOICE, always)

    assert answer == TAKEN
    assert asked == []
