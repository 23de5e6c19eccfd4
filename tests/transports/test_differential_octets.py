"""Our SMTP session beside aiosmtplib: the same octets arrive, and the same words come back."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.egress import tls_context
from letterhead.mail.server import Envelope
from tests.servers.bind import Bind
from tests.servers.certificates import Certificates
from tests.servers.postfix import LOGIN, PASSWORD, Postfix
from tests.servers.scripted import OFFERS
from tests.transports.case import INVOICES, PLAIN, TAKEN, Answers, Seen, expect_found, seen, to
from tests.transports.pair import (
    Access,
    Client,
    ours,
    ours_at_once,
    refused,
    taken,
    theirs,
    theirs_in_one,
)

BODIES: Mapping[str, bytes] = {
    "dots": b".one\r\n..two\r\n.\r\n...\r\nthree\r\n.",
    "an end in the middle": b"one\r\n.\r\nMAIL FROM:<eve@evil.test>\r\n",
    "bare LF": b"one\n.\ntwo\n\n.three\n",
    "bare CR": b"one\r.\rtwo\r\r.three\r",
    "LF and CR": b"one\n\r.\r\n\r\r\n.\n\n\r\n",
    "smuggling": b"one\n.\r\nMAIL FROM:<eve@evil.test>\r\n",
    "no line end behind the last line": b"one\r\ntwo",
    "CR at the end": b"one\r\ntwo\r",
    "one line end": b"\r\n",
    "one dot": b".",
    "8 bits": "Subject: Grüße\r\n\r\nÄÖÜ €\r\n".encode() + bytes(range(128, 256)),
    "NUL": b"one\0two\r\n\0",
    "long lines": b"x" * 998 + b"\r\n" + b"y" * 60_000 + b"\r\n." + b"z" * 5_000,
    "dots over the edge of a block": (b"x" * 61 + b"\r\n.") * 3_000,
}


@pytest.mark.parametrize("name", BODIES)
async def test_the_same_octets_arrive(certs: Certificates, name: str) -> None:
    await expect_alike(certs, BODIES[name])


ENDS = st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"\r\n.", b"a", b"\xe4\x00"])


@given(st.lists(ENDS, min_size=1).map(b"".join))
def test_the_same_octets_arrive_wherever_lines_end(certs: Certificates, content: bytes) -> None:
    asyncio.run(expect_alike(certs, content))


async def expect_alike(certs: Certificates, content: bytes) -> None:
    """By DATA, by BDAT and by aiosmtplib; bare CR and LF become line ends."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", content).removesuffix(b"\r\n") + b"\r\n"
    twice = replace(PLAIN, envelopes=to(content) * 2, offers=(*OFFERS, "CHUNKING"))

    by = [await seen(client, twice, certs) for client in (ours, ours_at_once, theirs)]

    assert by == [Seen([taken()] * 2, [replace(TAKEN, content=lines)] * 2)] * 3


# Whatever is refused, and in whatever words

CODES = (421, 450, 451, 452, 454, 500, 503, 521, 550, 552, 554, 559)
WORDS = st.lists(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20, min_size=1),
    min_size=1,
    max_size=3,
)
REFUSALS = st.builds(
    lambda step, code, words: (step, code, words),
    st.sampled_from(["RCPT", "DATA", "dot"]),
    st.sampled_from(CODES),
    WORDS,
)


@given(
    st.lists(st.none() | REFUSALS, min_size=3, max_size=3),
    st.sets(st.sampled_from(OFFERS)).map(sorted),
)
def test_both_find_the_same_refusals(
    certs: Certificates,
    fates: Sequence[tuple[str, int, list[str]] | None],
    offers: Sequence[str],
) -> None:
    case = replace(
        PLAIN,
        offers=offers,
        envelopes=INVOICES,
        of_recipient={
            each.recipient: _answers(*fate)
            for each, fate in zip(INVOICES, fates, strict=True)
            if fate
        },
        found=[refused(fate[1], "\n".join(fate[2])) if fate else taken() for fate in fates],
    )

    asyncio.run(expect_found(case, certs))


def _answers(step: str, code: int, words: Sequence[str]) -> Answers:
    *more, last = words
    text = "".join(f"{code}-{each}\r\n" for each in more) + f"{code} {last}\r\n"
    return (
        {"DATA": b"503 5.5.1 No\r\n", step: text.encode()}
        if step == "RCPT"
        else {step: text.encode()}
    )


# A real Postfix

TEXTS: Mapping[str, bytes] = {
    "dots": b".one\r\n..two\r\n.\r\nthree\r\n",
    "bare": b"one\n.\ntwo\r.\rthree\r\n.\n\r",
    "8bit": "Grüße\r\n".encode(),
    "long": b"x" * 998 + b"\r\nno line end",
}
HEAD = (
    b"From: office@client.test\r\nMessage-ID: <alike@client.test>\r\n"
    b"Date: Thu, 26 Nov 2026 12:00:00 +0000\r\n\r\n"
)
QUEUED = taken(250, "2.0.0 Ok")
PEOPLE = ("anna", "nobody", "busy", "bob")
NO = "Recipient address rejected:"
UNKNOWN = refused(550, f"5.1.1 <nobody@client.test>: {NO} No such user here")
BUSY = refused(450, f"4.2.1 <busy@client.test>: {NO} This mailbox is busy, try again later")
STRANGER = refused(
    553,
    f"5.7.1 <stranger@client.test>: Sender address rejected: not owned by user {LOGIN}",
)


@pytest.fixture
def postfix(certs: Certificates, net: str, mail_server: Postfix, name_server: Bind) -> Access:
    return Access(
        587,
        tls_context(certs.authority),
        LOGIN,
        PASSWORD,
        address=f"{net}.1",
        name="mail.test",
        dns=[("127.0.0.1", name_server.port)],
    )


@pytest.mark.allow_hosts(["127.0.0.0/8"])
async def test_postfix_says_and_has_the_same(postfix: Access, mail_server: Postfix) -> None:
    letters = [_letter("anna", each) for each in TEXTS.values()]
    letters += [_letter(each, b"Hello\r\n") for each in PEOPLE]
    letters.append(replace(letters[0], sender="stranger@client.test"))
    clients = (ours, ours_at_once, theirs)

    found = [_said(await each(postfix, _signed(letters, each))) for each in clients]
    had = [_arrived(mail_server, each, len(TEXTS) + 2) for each in clients]

    assert found == [[QUEUED] * len(TEXTS) + [QUEUED, UNKNOWN, BUSY, QUEUED, STRANGER]] * 3
    assert had == [had[0]] * 3
    assert [each for each in TEXTS.values() if _local(each) not in b"".join(had[0])] == []


@pytest.mark.allow_hosts(["127.0.0.0/8"])
async def test_one_transaction_each_is_as_good_as_one_for_all(
    postfix: Access, mail_server: Postfix
) -> None:
    letters = [_letter(each, b"Hello\r\n") for each in PEOPLE]

    found = [
        _said(await client(postfix, _signed(letters, client, "all")))
        for client in (ours_at_once, theirs_in_one)
    ]
    had = [_arrived(mail_server, each, 2, "all") for each in (ours_at_once, theirs_in_one)]

    assert found == [[QUEUED, UNKNOWN, BUSY, QUEUED]] * 2
    assert had == [had[0]] * 2


@pytest.mark.allow_hosts(["127.0.0.0/8"])
async def test_postfix_refuses_both_alike(postfix: Access) -> None:
    large = [_letter("anna", b"x" * 10_300_000)]
    stranger = replace(postfix, password="not-the-password")

    too_large = [await client(postfix, large) for client in (ours, theirs)]
    not_known = [await client(stranger, large) for client in (ours, theirs)]

    assert [each[0][:19] for each in too_large] == ["refused: 552 5.3.4 "] * 2
    assert not_known[0] == not_known[1]
    assert not_known[0][0].startswith("refused: 535 5.7.8 ")


def _letter(name: str, text: bytes) -> Envelope:
    return Envelope(LOGIN, f"{name}@client.test", (HEAD, text))


def _signed(letters: Sequence[Envelope], client: Client, more: str = "") -> list[Envelope]:
    """The letters of one client: the subject says whose they are."""
    subject = f"Subject: {client.__name__} alike {more}\r\n".encode()
    return [replace(each, content=(subject, *each.content)) for each in letters]


def _said(found: Sequence[str]) -> list[str]:
    return [re.sub("Ok: .*queued as .*", "Ok", each) for each in found]


def _arrived(mail_server: Postfix, client: Client, count: int, more: str = "") -> list[bytes]:
    """What stands in the mailbox behind the subject."""
    subject = f"{client.__name__} alike {more}"
    mail_server.wait_for(count, subject=subject)
    texts = [each.read_bytes() for each in (mail_server.folder / "maildrop/all/new").iterdir()]
    line = f"Subject: {subject}\n".encode()
    return sorted(each.partition(line)[2] for each in texts if line in each)


def _local(text: bytes) -> bytes:
    """As it stands in a mailbox."""
    return re.sub(rb"\r\n|\r|\n", b"\n", text).removesuffix(b"\n")
