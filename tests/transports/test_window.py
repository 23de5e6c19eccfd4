"""Several messages at once over one session: whose answer is whose, and what a cut leaves."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from letterhead.mail.letter import Lane
from letterhead.mail.message import OnUncertain
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage
from letterhead.mail.server import Envelope
from letterhead.store.database import Database
from letterhead.transports.flight import Flight
from letterhead.transports.handover import PATIENT, Handover
from letterhead.transports.session import Offers, Session
from letterhead.transports.smtp import SmtpTransport
from letterhead.transports.wire import Wire
from tests.servers.scripted import DROP, OFFERS, RESET, SILENCE, Scripted
from tests.transports import office
from tests.transports.conftest import INVOICE, MakeWay, always, never
from tests.transports.test_gap import QUICK

TAKEN = Reply(Stage.MESSAGE, 250, "2.0.0 Queued")


@pytest.fixture(autouse=True)
def _chunking(server: Scripted) -> None:
    server.offers = (*OFFERS, "CHUNKING")


def to(*names: str) -> list[Envelope]:
    return [replace(INVOICE, recipient=f"{name}@client.test") for name in names]


def verbs(server: Scripted) -> list[str]:
    return [line.partition(" ")[0] for line in server.said if line]


def recipients(server: Scripted) -> list[str]:
    return [each.recipient.partition("@")[0] for each in server.taken]


def only(server: Scripted, name: str, answers: Mapping[str, bytes]) -> None:
    """Let the server answer so for one recipient."""
    server.of_recipient = lambda email: answers if email == f"{name}@client.test" else {}


async def at_once(way: SmtpTransport, envelopes: Sequence[Envelope]) -> dict[int, Answer]:
    """What is told of so many that are handed over at once, if they may go at once."""
    answers: dict[int, Answer] = {}
    assert way.together
    await way.together.send(envelopes, always, answers.__setitem__)
    return answers


async def warm(server: Scripted, way: SmtpTransport) -> SmtpTransport:
    """A way whose session is open, and whose server has shown that it knows BDAT."""
    assert await at_once(way, to("a")) == {0: TAKEN}  # by DATA, over a new session
    assert await at_once(way, to("b", "c")) == {0: TAKEN}  # the first by BDAT, alone
    server.said.clear()
    server.taken.clear()
    return way


async def test_several_leave_at_once_each_by_bdat(server: Scripted, way: MakeWay) -> None:
    made = await warm(server, way(window=4))

    answers = await at_once(made, to("d", "e", "f", "g", "h")[:4])

    assert answers == dict.fromkeys(range(4), TAKEN)
    assert verbs(server) == ["RSET", "MAIL", "RCPT", "BDAT"] * 4
    assert recipients(server) == ["d", "e", "f", "g"]
    assert {each.content for each in server.taken} == {b"".join(INVOICE.content)}
    assert server.connections == 1


@pytest.mark.parametrize("lacking", ["CHUNKING", "PIPELINING"])
async def test_without_what_it_needs_the_window_changes_nothing(
    server: Scripted, way: MakeWay, lacking: str
) -> None:
    server.offers = tuple(each for each in server.offers if each != lacking)
    made = way(window=4)

    told = [await at_once(made, to("a", "b")) for _ in range(3)]

    assert told == [{0: TAKEN}] * 3
    assert "BDAT" not in verbs(server)


async def test_with_a_window_of_one_a_message_goes_by_data(server: Scripted, way: MakeWay) -> None:
    made = way()

    for _ in range(3):
        await made.send(INVOICE, always)

    assert made.together is None
    assert "BDAT" not in verbs(server)


@pytest.mark.parametrize("code", [500, 501, 502, 503, 504])
async def test_a_server_that_does_not_know_what_it_offers_gets_data_from_then_on(
    server: Scripted, way: MakeWay, code: int
) -> None:
    server.answers["BDAT"] = b"%d 5.5.1 What?\r\n" % code
    made = way(window=4)
    await at_once(made, to("a"))

    refused = await at_once(made, to("b", "c"))
    after = [await at_once(made, to("b", "c")), await at_once(made, to("c", "d"))]

    assert refused == {}
    assert after == [{0: TAKEN}] * 2
    assert recipients(server) == ["a", "b", "c"]
    assert verbs(server).count("BDAT") == 1
    assert server.connections == 2  # what stands in the octets may have been read as commands


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (
            {"RCPT": b"550 5.1.1 No such user\r\n", "BDAT": b"503 5.5.1 No recipients\r\n"},
            Reply(Stage.RECIPIENT, 550, "5.1.1 No such user"),
        ),
        (
            {"RCPT": b"450 4.2.1 Busy\r\n", "BDAT": b"554 5.5.1 No valid recipients\r\n"},
            Reply(Stage.RECIPIENT, 450, "4.2.1 Busy"),
        ),
        ({"dot": b"552 5.3.4 Too big\r\n"}, Reply(Stage.MESSAGE, 552, "5.3.4 Too big")),
        ({"dot": b"421 4.3.0 Later\r\n"}, Reply(Stage.MESSAGE, 421, "4.3.0 Later")),
    ],
    ids=["unknown", "busy", "too big", "421 to the message"],
)
async def test_a_refusal_is_the_answer_of_its_message_alone(
    server: Scripted, way: MakeWay, answers: Mapping[str, bytes], expected: Reply
) -> None:
    made = await warm(server, way(window=4))
    only(server, "e", answers)

    told = await at_once(made, to("d", "e", "f", "g"))

    assert told == {0: TAKEN, 1: expected, 2: TAKEN, 3: TAKEN}
    assert recipients(server) == ["d", "f", "g"]
    assert server.connections == 1


@pytest.mark.parametrize("then", [DROP, SILENCE], ids=["drop", "silence"])
async def test_what_follows_a_421_has_not_been_taken_and_goes_again_soon(
    server: Scripted, way: MakeWay, then: bytes
) -> None:
    made = await warm(server, way(window=4))
    server.of_recipient = lambda email: (
        {"RSET": b"421 4.7.0 Enough\r\n", "MAIL": then} if email.startswith("d@") else {}
    )

    async with asyncio.timeout(30):
        told = await at_once(made, to("d", "e", "f", "g"))
    again = await at_once(made, to("e", "f", "g"))

    assert told == {0: TAKEN}
    assert again == dict.fromkeys(range(3), TAKEN)
    assert recipients(server) == ["d", "e", "f", "g"]
    assert server.connections == 2


@pytest.mark.parametrize("how", [DROP, RESET, SILENCE], ids=["drop", "reset", "silence"])
async def test_a_cut_leaves_uncertain_what_was_written_and_has_no_answer(
    server: Scripted, way: MakeWay, how: bytes
) -> None:
    made = await warm(server, way(window=4, timeouts=replace(QUICK, dot=0.5)))
    server.delay = 0.01  # so that a reset overtakes no answer
    only(server, "e", {"dot": how})

    told = await at_once(made, to("d", "e", "f", "g"))

    assert told[0] == TAKEN
    for at in (1, 2, 3):
        answer = told[at]
        assert isinstance(answer, Break)
        assert (answer.stage, answer.after_dot) == (Stage.MESSAGE, True)


async def test_nothing_is_written_once_the_lease_is_over(server: Scripted, way: MakeWay) -> None:
    made = await warm(server, way(window=4))
    assert made.together
    answers: dict[int, Answer] = {}

    await made.together.send(to("d", "e"), never, answers.__setitem__)

    assert list(answers) == [0]
    assert cast("Break", answers[0]).kind is Kind.STALE
    assert (server.said, server.taken) == ([], [])


async def test_a_session_that_was_idle_carries_one_message_first(
    server: Scripted, way: MakeWay
) -> None:
    made = await warm(server, way(window=4))
    await asyncio.sleep(1.1)

    told = await at_once(made, to("d", "e"))

    assert told == {0: TAKEN}
    assert "BDAT" not in verbs(server)


@pytest.mark.parametrize("hidden", [b"\n.\nMAIL FROM:<x>\n", b"\r.\r\nMAIL", b"\r\n.\r\nQUIT\r\n"])
async def test_no_octets_end_a_message_early_or_begin_another(
    server: Scripted, way: MakeWay, hidden: bytes
) -> None:
    made = await warm(server, way(window=4))
    bad = Envelope("a@b.test", "d@client.test", (b"one", hidden, b"two"))

    told = await at_once(made, [bad, *to("e")])

    assert told == {0: TAKEN, 1: TAKEN}
    assert verbs(server) == ["RSET", "MAIL", "RCPT", "BDAT"] * 2
    content = server.taken[0].content
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")


async def test_what_cannot_be_sent_has_its_answer_and_the_others_go(
    server: Scripted, way: MakeWay
) -> None:
    made = await warm(server, way(window=4))

    told = await at_once(made, [*to("d"), replace(INVOICE, recipient="a b@c.test"), *to("e")])

    assert {at: cast("Reply", each).code for at, each in told.items()} == {0: 250, 1: 501, 2: 250}
    assert recipients(server) == ["d", "e"]


async def test_a_new_session_carries_several_once_the_server_has_shown_that_it_can(
    server: Scripted, way: MakeWay
) -> None:
    made = await warm(server, way(window=4))
    await made.close()

    told = await at_once(made, to("d", "e", "f"))
    server.answers["AUTH"] = b"535 5.7.8 Bad credentials\r\n"
    await made.close()
    refused = await at_once(made, to("g", "h"))

    assert told == dict.fromkeys(range(3), TAKEN)
    assert refused == {0: Reply(Stage.SIGN_IN, 535, "5.7.8 Bad credentials")}
    assert recipients(server) == ["d", "e", "f"]


# By a portal's lane


@pytest.mark.parametrize("on_uncertain", list(OnUncertain))
async def test_after_a_cut_in_the_middle_everything_arrives_and_what_came_twice_was_uncertain(
    server: Scripted, way: MakeWay, database: Database, on_uncertain: OnUncertain
) -> None:
    of = await office.opened(database, way(connections=1, window=4, timeouts=QUICK))
    letter = await of.keep(12, on_uncertain=on_uncertain)
    server.delay = 0.005
    only(server, "client6", {"dot": DROP})
    await of.drain(Lane.LIVE)
    cut = await of.left(letter)
    server.of_recipient = lambda _: {}
    of.now += timedelta(minutes=10)
    await of.drain(Lane.LIVE)
    left = await of.left(letter)

    unsure = [at for at, status in enumerate(cut.status) if status != "sent"]
    times = Counter(each.recipient for each in server.taken)
    if on_uncertain is OnUncertain.HOLD:
        assert unsure == [6]
        assert "BDAT" not in verbs(server)
        assert left.status == ["sent"] * 6 + ["uncertain"] + ["sent"] * 5
        assert set(times.values()) == {1}
        return
    assert unsure == [6, 7, 8]
    assert (left.status, left.attempts[5:9]) == (["sent"] * 12, [1, 2, 2, 2])
    assert times == {f"client{at}@client.test": 2 if at == 6 else 1 for at in range(12)}


async def test_many_go_over_few_connections_each_once(
    server: Scripted, way: MakeWay, database: Database
) -> None:
    of = await office.opened(database, way(connections=3, window=8))
    letter = await of.keep(100)
    only(server, "client50", {"RCPT": b"550 5.1.1 Unknown\r\n", "BDAT": b"503 5.5.1 No\r\n"})

    await of.drain(Lane.LIVE)
    left = await of.left(letter)

    assert Counter(left.status) == {"sent": 99, "failed": 1}
    assert left.status[50] == "failed"
    assert len({each.recipient for each in server.taken}) == len(server.taken) == 99
    assert server.connections <= 3
    assert verbs(server).count("BDAT") > 80


async def test_large_messages_do_not_share(
    server: Scripted, way: MakeWay, database: Database
) -> None:
    of = await office.opened(database, way(connections=1, window=4))
    large = b"Subject: Invoice\r\n\r\n" + (b"x" * 900 + b"\r\n") * 100
    letter = await of.keep(6, content=large)

    await of.drain(Lane.LIVE)

    assert (await of.left(letter)).status == ["sent"] * 6
    assert "BDAT" not in verbs(server)


# Whose reply is whose, whatever comes, however it is cut


@dataclass(frozen=True, slots=True)
class Fate:
    """What a server says of a message, and what that comes to."""

    replies: tuple[bytes, ...]
    expected: tuple[Stage, int] | None  # None: it is to go again


OK = b"250 2.0.0 Ok\r\n"
FATES = {
    "taken": Fate((OK, OK, OK, OK), (Stage.MESSAGE, 250)),
    "many lines": Fate((OK, b"250-a\r\n250 b\r\n", OK, OK), (Stage.MESSAGE, 250)),
    "sender": Fate(
        (OK, b"550 5.7.1 No\r\n", b"503 5.5.1 No\r\n", b"503 5.5.1 No\r\n"), (Stage.SENDER, 550)
    ),
    "recipient": Fate(
        (OK, OK, b"550 5.1.1 No\r\n", b"554 5.5.1 No valid recipients\r\n"), (Stage.RECIPIENT, 550)
    ),
    "busy": Fate((OK, OK, b"450 4.2.1 No\r\n", b"503 5.5.1 No\r\n"), (Stage.RECIPIENT, 450)),
    "spam": Fate((OK, OK, OK, b"550 5.7.1 Spam\r\n"), (Stage.MESSAGE, 550)),
    "too big": Fate((OK, OK, OK, b"552 5.3.4 No\r\n"), (Stage.MESSAGE, 552)),
    "no BDAT": Fate((OK, OK, OK, b"502 5.5.1 What?\r\n"), None),
}


class Pipe(asyncio.Transport):
    """The other end: what was written is kept, and answered with the pieces that a test chose."""

    def __init__(self, wire: Wire, pieces: Sequence[bytes]) -> None:
        super().__init__()
        self.written = b""
        self._wire = wire
        self._pieces = pieces
        self._loop = asyncio.get_running_loop()
        wire.connection_made(self)
        wire.data_received(b"220 pipe.test\r\n")

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data
        for piece in self._pieces:
            self._loop.call_soon(self._wire.data_received, piece)
        self._loop.call_soon(self._wire.connection_lost, None)

    def abort(self) -> None:
        """The test ends it."""


async def flown(fates: Sequence[Fate], pieces: Sequence[bytes]) -> tuple[dict[int, Answer], bytes]:
    """What is told of messages that meet these fates, and what was written."""
    wire = Wire()
    pipe = Pipe(wire, pieces)
    await wire.reply(1)
    told: dict[int, Answer] = {}
    session = Session(wire, Offers(pipelining=True, chunking=True))
    flight = Flight(session, Handover(PATIENT), told.__setitem__)
    await flight.fly(to(*(f"r{at}" for at in range(len(fates)))))
    return told, pipe.written


@given(
    st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=8),
    st.integers(0, 2000),
    st.integers(1, 60),
)
@example(["recipient", "taken"], 77, 5)
def test_each_answer_is_its_message_s_and_a_cut_leaves_the_rest_uncertain(
    names: Sequence[str], cut: int, size: int
) -> None:
    fates = [FATES[name] for name in names]
    stream = b"".join(b"".join(fate.replies) for fate in fates)[:cut]
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]

    told, written = asyncio.run(flown(fates, pieces))

    assert written.count(b" LAST\r\n") == len(fates)
    left = cut
    for at, fate in enumerate(fates):
        _look(told.get(at), fate, left)
        left -= sum(map(len, fate.replies))


def _look(answer: Answer | None, fate: Fate, left: int) -> None:
    """Of a message whose replies have come as far as so many octets."""
    told = sum(map(len, fate.replies)) <= left
    refused = next((i for i, each in enumerate(fate.replies) if each[:1] in b"45"), 3)
    decided = told or (refused < 3 and sum(map(len, fate.replies[: refused + 1])) <= left)
    if not decided:
        assert isinstance(answer, Break)
        assert answer.after_dot
    elif fate.expected is None:
        assert answer is None
    else:
        assert isinstance(answer, Reply)
        assert (answer.stage, answer.code) == fate.expected


def test_replies_to_what_was_no_command_are_nobody_s() -> None:
    """A server that reads the octets of a refused BDAT as commands answers each line of them."""
    refused = FATES["recipient"]
    stream = b"".join((*refused.replies, *[b"500 5.5.2 What?\r\n"] * 3, OK, OK, OK, OK))

    told, _ = asyncio.run(flown([refused, FATES["taken"]], [stream]))

    assert cast("Reply", told[0]).code == 550
    assert isinstance(told[1], Break)
    assert (told[1].kind, told[1].after_dot) == (Kind.PROTOCOL, True)


@given(st.integers(0, 3), st.integers(0, 3))
def test_after_a_421_and_the_end_nothing_is_uncertain(before: int, after: int) -> None:
    fates = [FATES["taken"]] * (before + 1 + after)
    stream = OK * 4 * before + OK + b"421 4.7.0 Enough\r\n"

    told, _ = asyncio.run(flown(fates, [stream]))

    assert list(told) == list(range(before))


@given(st.lists(st.sampled_from([OK, b"354 Go\r\n", b"421 No\r\n", b"550 No\r\n", b"xyz\r\n"])))
def test_whatever_is_said_every_message_is_told_at_most_once_and_none_is_lost(
    replies: Sequence[bytes],
) -> None:
    told, _ = asyncio.run(flown([FATES["taken"]] * 3, replies))

    for at in range(3):
        answer = told.get(at)
        if isinstance(answer, Reply) and answer.positive:
            assert replies[4 * at + 3] == OK
        if answer is None:
            assert b"421 No\r\n" in replies
