"""A line of messages: the next envelope leaves with a final dot, and each reply is its own's."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from letterhead.mail.letter import Lane
from letterhead.mail.message import OnUncertain
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage
from letterhead.mail.server import Envelope
from letterhead.store.database import Database
from letterhead.transports.smtp import SmtpTransport
from tests.servers.scripted import DROP, RESET, SILENCE, Scripted
from tests.transports import office
from tests.transports.conftest import INVOICE, MakeWay, always
from tests.transports.test_gap import QUICK
from tests.transports.test_window import only, to, verbs

TAKEN = Reply(Stage.MESSAGE, 250, "2.0.0 Queued")


def had(server: Scripted) -> list[str]:
    """Whose message has come; an empty one ends a DATA that was asked for too much."""
    return [each.recipient.partition("@")[0] for each in server.taken if each.content]


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


async def first_of(way: SmtpTransport, envelopes: Sequence[Envelope]) -> list[Envelope]:
    """Hand the first two over; gives what was announced."""
    announced = list[Envelope]()
    rest = iter(envelopes[1:])

    def upcoming() -> Envelope:
        announced.append(next(rest))
        return announced[-1]

    line = way.line(upcoming)
    for each in envelopes[:2]:
        await line.send(each, always)
    return announced


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
    by_itself = way(timeouts=QUICK)
    alone = [await by_itself.send(each, always) for each in envelopes]
    had_alone = had(server)
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
    a, b, c = to("a", "b", "c")
    only(server, "a", {"dot": DROP})

    announced = await first_of(way(timeouts=QUICK), [a, b, c])

    assert announced == [b]
    assert had(server) == ["a", "b"]


async def test_behind_a_421_to_a_dot_nothing_is_waited_for(server: Scripted, way: MakeWay) -> None:
    a, b, c = to("a", "b", "c")
    only(server, "a", {"dot": b"421 4.7.0 Enough\r\n", "MAIL": SILENCE})

    announced = await first_of(way(timeouts=QUICK), [a, b, c])

    assert announced == [b, c]  # a server that did not answer would have been doubted
    assert had(server) == ["b"]


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


async def test_without_pipelining_nothing_leaves_with_a_dot(server: Scripted, way: MakeWay) -> None:
    server.offers = ("8BITMIME",)
    asked = list[str]()

    def upcoming() -> None:
        asked.append("")

    answer = await way(timeouts=QUICK).line(upcoming).send(INVOICE, always)

    assert answer == TAKEN
    assert asked == []
