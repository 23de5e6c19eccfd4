"""The SMTP session: what it says, what it keeps to itself, and what every break means."""

import asyncio
import base64

import pytest

from letterhead.egress import Egress
from letterhead.mail.outcome import Attempt, Sent, judge
from letterhead.mail.reply import Break, Kind, Reply, Stage
from letterhead.mail.secret import Secret
from letterhead.mail.server import Encryption, Envelope, Server
from letterhead.transports.base import Passed
from letterhead.transports.smtp import SmtpTransport
from tests.servers.certificates import Certificates
from tests.servers.scripted import DROP, RESET, Scripted
from tests.transports.conftest import INVOICE, PASSWORD, MakeWay, always, never


def verbs(server: Scripted) -> list[str]:
    return [line.partition(" ")[0] for line in server.said if line]


async def test_hands_a_message_over_under_tls_and_signed_in(server: Scripted, way: MakeWay) -> None:
    answer = await way().send(INVOICE, always)

    assert answer == Reply(Stage.MESSAGE, 250, "2.0.0 Queued")
    assert verbs(server) == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
    assert server.said[4] == f"MAIL FROM:<office@hart.test> SIZE={INVOICE.size}"
    assert server.taken[0].content == b"".join(INVOICE.content)


@pytest.mark.parametrize("offered", ["AUTH LOGIN", "AUTH LOGIN PLAIN XOAUTH2", "AUTH=LOGIN"])
async def test_signs_in_by_what_is_offered(server: Scripted, way: MakeWay, offered: str) -> None:
    server.sign_in = offered

    await way().send(INVOICE, always)

    said = " ".join(server.said)
    assert "PLAIN" in said if "PLAIN" in offered else "AUTH LOGIN" in said
    assert base64.b64encode(PASSWORD.encode()).decode() in said or "AUTH PLAIN" in said
    assert len(server.taken) == 1


TOKENS = {
    "OAUTHBEARER": "n,a=office=2C=3D@hart.test,\x01host=localhost\x01port={port}\x01"
    "auth=Bearer ya29.token\x01\x01",
    "XOAUTH2": "user=office,=@hart.test\x01auth=Bearer ya29.token\x01\x01",
}


@pytest.mark.parametrize("way_in", list(TOKENS))
async def test_signs_in_by_a_token_where_there_is_one(
    server: Scripted, way: MakeWay, way_in: str
) -> None:
    server.sign_in = f"AUTH PLAIN LOGIN {way_in}"

    answer = await way(login="office,=@hart.test", token=Secret("ya29.token")).send(INVOICE, always)

    said = [line for line in server.said if line.startswith("AUTH")]
    coded = base64.b64encode(TOKENS[way_in].format(port=server.port).encode()).decode()
    assert said == [f"AUTH {way_in} {coded}"]
    assert answer.stage is Stage.MESSAGE


@pytest.mark.parametrize(("way_in", "then"), [("OAUTHBEARER", "AQ=="), ("XOAUTH2", "")])
async def test_a_refused_token_is_a_refusal_and_no_password_is_tried(
    server: Scripted, way: MakeWay, way_in: str, then: str
) -> None:
    server.sign_in = f"AUTH PLAIN LOGIN {way_in}"
    server.answers["AUTH"] = b"334 eyJzdGF0dXMiOiI0MDAifQ==\r\n"
    server.answers["AUTH, then"] = b"535 5.7.8 Token expired\r\n"

    answer = await way(token=Secret("ya29.token")).send(INVOICE, always)

    assert answer == Reply(Stage.SIGN_IN, 535, "5.7.8 Token expired")
    assert server.said[-1] == then
    assert verbs(server).count("AUTH") == 1


async def test_a_token_is_not_sent_as_a_password(server: Scripted, way: MakeWay) -> None:
    answer = await way(token=Secret("ya29.token")).send(INVOICE, always)

    assert isinstance(answer, Break)
    assert (answer.stage, answer.kind) == (Stage.SIGN_IN, Kind.NO_AUTH)
    assert "AUTH" not in verbs(server)


async def test_one_session_carries_many_messages(server: Scripted, way: MakeWay) -> None:
    transport = way()

    for _ in range(250):
        assert (await transport.send(INVOICE, always)).stage is Stage.MESSAGE
    await transport.close()

    assert len(server.taken) == 250
    assert server.connections == 3  # a hundred each
    assert verbs(server).count("QUIT") == 3


async def test_no_more_sessions_than_allowed_are_open(server: Scripted, way: MakeWay) -> None:
    transport = way(connections=3)
    server.delay = 0.02

    await asyncio.gather(*(transport.send(INVOICE, always) for _ in range(30)))

    assert (len(server.taken), server.connections) == (30, 3)


async def test_little_mail_opens_one_session_and_much_mail_more(
    server: Scripted, way: MakeWay
) -> None:
    transport = way(connections=3)

    assert [transport.seats(count) for count in (1, 20, 21, 60, 1000)] == [1, 1, 2, 3, 3]
    await asyncio.gather(*(transport.send(INVOICE, always) for _ in range(2)))
    assert server.connections == 2
    assert transport.seats(1) == 2  # those are open already


async def test_a_session_that_died_while_idle_is_replaced(server: Scripted, way: MakeWay) -> None:
    transport = way()
    await transport.send(INVOICE, always)
    for each in [*server.sessions]:
        each.transport.abort()

    answer = await transport.send(INVOICE, always)

    assert answer == Reply(Stage.MESSAGE, 250, "2.0.0 Queued")
    assert (len(server.taken), server.connections) == (2, 2)


async def test_a_421_on_a_used_session_is_no_answer_to_the_message(
    server: Scripted, way: MakeWay
) -> None:
    transport = way()
    await transport.send(INVOICE, always)
    server.answers["MAIL"] = b"421 4.7.0 Enough\r\n"

    answer = await transport.send(INVOICE, always)

    assert answer == Reply(Stage.SENDER, 421, "4.7.0 Enough")
    assert server.connections == 2


async def test_after_a_refused_recipient_the_session_goes_on(
    server: Scripted, way: MakeWay
) -> None:
    transport = way()
    server.answers["RCPT"] = b"550 5.1.1 No such user\r\n"
    server.answers["DATA"] = b"503 5.5.1 No valid recipients\r\n"
    refused = await transport.send(INVOICE, always)
    server.answers.clear()

    taken = await transport.send(INVOICE, always)

    assert refused == Reply(Stage.RECIPIENT, 550, "5.1.1 No such user")
    assert taken == Reply(Stage.MESSAGE, 250, "2.0.0 Queued")
    assert (server.connections, verbs(server).count("RSET")) == (1, 1)


async def test_a_go_ahead_without_a_recipient_gets_an_empty_message(
    server: Scripted, way: MakeWay
) -> None:
    server.answers["RCPT"] = b"550 5.1.1 No such user\r\n"

    answer = await way().send(INVOICE, always)

    assert answer == Reply(Stage.RECIPIENT, 550, "5.1.1 No such user")
    assert [each.content for each in server.taken] == [b""]


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)])
async def test_extensions_are_used_only_where_they_are_offered(
    server: Scripted, way: MakeWay, offers: tuple[str, ...]
) -> None:
    server.offers = offers

    answer = await way().send(Envelope("a@b.test", "c@d.test", ("ä".encode(),)), always)

    assert isinstance(answer, Reply)
    assert answer.code == 250
    assert "MAIL FROM:<a@b.test>" in server.said


async def test_dots_at_the_start_of_lines_arrive_as_they_were(
    server: Scripted, way: MakeWay
) -> None:
    text = b".one\r\n..two\r\n.\r\nthree\r\n"

    await way().send(Envelope("a@b.test", "c@d.test", (text,)), always)

    assert server.taken[0].content == text


@pytest.mark.parametrize("hidden", [b"\n.\nMAIL FROM:<x>\n", b"\r.\r\nMAIL", b"\n.\r\nMAIL"])
async def test_no_message_can_end_early(server: Scripted, way: MakeWay, hidden: bytes) -> None:
    await way().send(Envelope("a@b.test", "c@d.test", (b"one" + hidden + b"\r\n",)), always)

    assert len(server.taken) == 1
    assert verbs(server).count("MAIL") == 1


async def test_a_message_over_the_server_s_limit_is_not_sent(
    server: Scripted, way: MakeWay
) -> None:
    server.offers = ("SIZE 20",)

    answer = await way().send(INVOICE, always)

    assert isinstance(answer, Reply)
    assert (answer.code, answer.enhanced) == (552, "5.3.4")
    assert "MAIL" not in verbs(server)


async def test_large_messages_are_poured_block_by_block(server: Scripted, way: MakeWay) -> None:
    line = b"x" * 76 + b"\r\n"

    await way().send(Envelope("a@b.test", "c@d.test", (line * 100_000,)), always)

    assert len(server.taken[0].content) == 78 * 100_000


async def test_without_a_go_of_the_lease_no_final_dot_is_sent(
    server: Scripted, way: MakeWay
) -> None:
    answer = await way().send(INVOICE, never)

    assert isinstance(answer, Break)
    assert answer.kind is Kind.STALE
    assert server.taken == []


# What must never happen to a password


async def test_no_login_without_starttls(server: Scripted, way: MakeWay) -> None:
    server.tls = None

    answer = await way().send(INVOICE, always)

    assert isinstance(answer, Break)
    assert (answer.stage, answer.kind) == (Stage.ENCRYPT, Kind.NO_STARTTLS)
    assert verbs(server) == ["EHLO"]


async def test_no_login_when_starttls_is_refused(server: Scripted, way: MakeWay) -> None:
    server.answers["STARTTLS"] = b"454 4.7.0 TLS not available\r\n"

    answer = await way().send(INVOICE, always)

    assert answer == Reply(Stage.ENCRYPT, 454, "4.7.0 TLS not available")
    assert "AUTH" not in verbs(server)


async def test_no_login_after_an_injected_answer(server: Scripted, way: MakeWay) -> None:
    server.answers["STARTTLS"] = b"220 2.0.0 Go\r\n250 AUTH PLAIN\r\n"

    answer = await way().send(INVOICE, always)

    assert isinstance(answer, Break)
    assert (answer.stage, answer.kind) == (Stage.ENCRYPT, Kind.PROTOCOL)
    assert "AUTH" not in verbs(server)


@pytest.mark.parametrize("name", ["expired", "wrongname", "selfsigned"])
@pytest.mark.parametrize("implicit", [False, True])
async def test_no_login_under_a_certificate_that_is_not_right(
    server: Scripted, way: MakeWay, certs: Certificates, name: str, *, implicit: bool
) -> None:
    assert server.tls is not None
    server.tls.load_cert_chain(certs.chain(name))
    encryption = Encryption.TLS if implicit else Encryption.STARTTLS
    server.implicit = implicit
    listening = await server.listen()

    answer = await way(port=server.port, encryption=encryption).send(INVOICE, always)
    listening.close()

    assert isinstance(answer, Break)
    assert (answer.stage, answer.kind) == (Stage.ENCRYPT, Kind.CERTIFICATE)
    assert "AUTH" not in verbs(server)


async def test_a_set_login_is_never_skipped(server: Scripted, way: MakeWay) -> None:
    server.sign_in = ""

    answer = await way().send(INVOICE, always)

    assert isinstance(answer, Break)
    assert (answer.stage, answer.kind) == (Stage.SIGN_IN, Kind.NO_AUTH)
    assert server.taken == []


async def test_a_login_is_tried_once(server: Scripted, way: MakeWay) -> None:
    server.answers["AUTH"] = b"535 5.7.8 Bad credentials\r\n"

    answer = await way().send(INVOICE, always)

    assert answer == Reply(Stage.SIGN_IN, 535, "5.7.8 Bad credentials")
    assert verbs(server).count("AUTH") == 1


async def test_a_refused_login_is_the_answer_for_all_who_wait_for_a_session(
    server: Scripted, way: MakeWay
) -> None:
    transport = way(connections=5)
    server.delay = 0.02
    server.answers["AUTH"] = b"535 5.7.8 Bad credentials\r\n"

    answers = await asyncio.gather(*(transport.send(INVOICE, always) for _ in range(20)))
    tried = verbs(server).count("AUTH")
    server.answers.clear()
    later = await transport.send(INVOICE, always)

    assert answers == [Reply(Stage.SIGN_IN, 535, "5.7.8 Bad credentials")] * 20
    assert tried == 1
    assert later.stage is Stage.MESSAGE


async def test_a_few_sign_in_at_once_as_long_as_that_goes_well(
    server: Scripted, way: MakeWay
) -> None:
    transport = way(connections=12)
    server.delay = 0.05

    await asyncio.gather(*(transport.send(INVOICE, always) for _ in range(12)))

    assert len(server.signed_in) == 12
    assert server.signed_in[0] == 1
    assert max(server.signed_in) == 4


async def test_few_are_refused_where_the_password_was_right_a_moment_ago(
    server: Scripted, way: MakeWay
) -> None:
    transport = way(connections=12)
    await transport.send(INVOICE, always)
    server.delay = 0.02
    server.answers["AUTH"] = b"535 5.7.8 Bad credentials\r\n"

    answers = await asyncio.gather(*(transport.send(INVOICE, always) for _ in range(12)))

    refused = [each for each in answers if each.stage is Stage.SIGN_IN]
    assert len(refused) == 11  # one had the open session
    assert verbs(server).count("AUTH") <= 1 + 4


# Breaks


@pytest.mark.parametrize("how", [DROP, RESET], ids=["drop", "reset"])
@pytest.mark.parametrize(
    ("step", "stage"),
    [
        ("greeting", Stage.CONNECT),
        ("EHLO", Stage.CONNECT),
        ("STARTTLS", Stage.ENCRYPT),
        ("AUTH", Stage.SIGN_IN),
        ("MAIL", Stage.SENDER),
        ("RCPT", Stage.RECIPIENT),
        ("DATA", Stage.MESSAGE),
        ("dot", Stage.MESSAGE),
    ],
)
async def test_a_break_has_its_place(
    server: Scripted, way: MakeWay, step: str, stage: Stage, how: bytes
) -> None:
    server.answers[step] = how

    answer = await way().send(INVOICE, always)

    assert isinstance(answer, Break)
    assert (answer.kind, answer.after_dot) == (Kind.CLOSED, step == "dot")
    if how == DROP:  # a reset may overtake the answers before it
        assert answer.stage is stage


async def test_a_rehearsal_tells_every_stage(server: Scripted, way: MakeWay) -> None:
    told: list[Passed] = []

    answer = await way().rehearse(INVOICE, always, told.append)

    assert isinstance(answer, Reply)
    assert [each.stage for each in told] == list(Stage)
    assert all(each.ok and each.ms >= 0 for each in told)
    assert [each.detail for each in told[3:]] == [
        *("AUTH PLAIN", "250 2.1.0 Ok", "250 2.1.5 Ok", "250 2.0.0 Queued")
    ]
    assert len(server.taken) == 1


async def test_a_server_that_is_not_allowed_is_not_connected_to(server: Scripted) -> None:
    target = Server("localhost", server.port, Encryption.NONE)
    transport = SmtpTransport(target, Egress(), tls=None, ehlo="x")  # type: ignore[arg-type]

    answer = await transport.send(INVOICE, always)

    assert isinstance(answer, Break)
    assert (answer.stage, answer.kind) == (Stage.RESOLVE, Kind.NO_ADDRESS)
    assert server.connections == 0


async def test_an_answer_is_safe_to_show(server: Scripted, way: MakeWay) -> None:
    server.answers["dot"] = b"250 2.0.0 \x1b[2J\xff\xfe ok\r\n"

    answer = await way().send(INVOICE, always)

    assert isinstance(answer, Reply)
    assert answer.text.isprintable()
    assert isinstance(judge(answer, Attempt("x", 1, resend=True), now=None), Sent)  # type: ignore[arg-type]
