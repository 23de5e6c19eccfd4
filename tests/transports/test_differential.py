"""
Our SMTP session beside aiosmtplib: what the server has in the end, and what is found of it.

Each case is a server that says something, and what both clients find then. Where they differ on
purpose, the case has what aiosmtplib finds, and the reason.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.servers.certificates import Certificates
from tests.servers.scripted import DROP, ENDLESS, OFFERS, RESET, SILENCE
from tests.transports.case import INVOICES, PLAIN, TAKEN, Case, expect_found, to
from tests.transports.conftest import INVOICE
from tests.transports.pair import (
    BEHIND,
    CLEAR,
    CUT,
    NO_LOGIN,
    SILLY,
    UNSENDABLE,
    refused,
    taken,
)

# The same at each step

LATER, NEVER = refused(451, "4.3.0 Later"), refused(554, "5.7.1 Never")
EVERYWHERE: Mapping[str, tuple[bytes, str]] = {
    "later": (b"451 4.3.0 Later\r\n", LATER),
    "never": (b"554 5.7.1 Never\r\n", NEVER),
    "closing": (b"421 4.3.2 Closing\r\n", refused(421, "4.3.2 Closing")),
    "two lines": (b"550-5.7.1 One\r\n550 5.7.1 Two\r\n", refused(550, "5.7.1 One\n5.7.1 Two")),
    "no text": (b"550\r\n", refused(550, "")),
    "drop": (DROP, CUT),
    "reset": (RESET, CUT),
    "no SMTP": (b"What?\r\n", SILLY),
}
STEPS = ("greeting", "EHLO", "STARTTLS", "EHLO under TLS", "AUTH", "MAIL", "RCPT", "DATA", "dot")


def at(step: str, how: str) -> Case:
    """A server that answers so at one step."""
    answer, outcome = {**EVERYWHERE, "silence": (SILENCE, CUT)}[how]
    answers = {step: answer}
    if step.startswith("EHLO"):
        answers["HELO"] = answer  # which aiosmtplib tries after each refusal
    if step in {"MAIL", "RCPT"}:  # what came with it in one write has no answer of its own
        answers |= {each: b"503 5.5.1 No\r\n" for each in ("RCPT", "DATA") if each != step}
    return replace(_DIFFERENT.get((step, how), Case(found=[outcome])), answers=answers)


_DIFFERENT: Mapping[tuple[str, str], Case] = {
    ("AUTH", "closing"): Case(
        found=[refused(421, "4.3.2 Closing")],
        theirs=[CUT],
        why="aiosmtplib signs in again in the next way, and loses what was said",
    ),
    **{
        ("dot", how): Case(
            found=[outcome + BEHIND],
            had=had,
            theirs=[outcome],
            theirs_had=had,
            why="only we tell that nobody knows whether it was taken (RFC 1047)",
        )
        for how, outcome, had in (
            ("drop", CUT, [TAKEN]),
            ("reset", CUT, [TAKEN]),
            ("silence", CUT, [TAKEN]),
            ("no SMTP", SILLY, ()),
        )
    },
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("how", EVERYWHERE)
async def test_both_find_the_same_at_each_step(certs: Certificates, step: str, how: str) -> None:
    await expect_found(at(step, how), certs)


async def test_both_give_up_wherever_nothing_is_answered(certs: Certificates) -> None:
    async with asyncio.TaskGroup() as tasks:
        for step in STEPS:
            tasks.create_task(expect_found(at(step, "silence"), certs))


OLD = {"EHLO": b"502 5.5.1 What?\r\n", "HELO": b"250 scripted.test\r\n"}
OPEN = {"EHLO": b"250-scripted.test\r\n250 AUTH PLAIN\r\n"}
BUSY, UNKNOWN = b"450 4.2.1 Busy\r\n", b"550 5.1.1 Unknown\r\n"
NOBODY = {"RCPT": UNKNOWN, "DATA": b"503 5.5.1 No\r\n"}
LARGE = b"Subject: Large\r\n\r\n" + (b"x" * 76 + b"\r\n") * 10_000

ALIKE: Mapping[str, Case] = {
    "nothing to be said against it": Case(),
    "three in one session": Case(envelopes=INVOICES, found=[taken()] * 3),
    "in the clear and without a login": PLAIN,
    "no extensions": replace(PLAIN, offers=()),
    "an old server": replace(PLAIN, answers=OLD),
    "AUTH LOGIN": Case(sign_in="AUTH LOGIN"),
    "AUTH=LOGIN": Case(sign_in="AUTH=LOGIN"),
    "no STARTTLS": Case(certificate="", found=[CLEAR]),
    "no STARTTLS, but AUTH in the clear": Case(certificate="", answers=OPEN, found=[CLEAR]),
    "no AUTH": Case(sign_in="", found=[NO_LOGIN]),
    "AUTH of a kind that nobody knows": Case(sign_in="AUTH GSSAPI", found=[NO_LOGIN]),
    "an expired certificate": Case(certificate="expired", found=[CLEAR]),
    "a certificate for another": Case(certificate="wrongname", found=[CLEAR]),
    "a stranger's certificate": Case(certificate="selfsigned", found=[CLEAR]),
    "a login that is refused by each way": Case(
        answers={"AUTH": b"535 5.7.8 Bad credentials\r\n"},
        found=[refused(535, "5.7.8 Bad credentials")],
    ),
    "one of three is unknown": Case(
        envelopes=INVOICES,
        of_recipient={"bob@client.test": NOBODY},
        found=[taken(), refused(550, "5.1.1 Unknown"), taken()],
    ),
    "one of three is busy": Case(
        envelopes=INVOICES,
        of_recipient={"anna@client.test": {**NOBODY, "RCPT": BUSY}},
        found=[refused(450, "4.2.1 Busy"), taken(), taken()],
    ),
    "one of three is spam": Case(
        envelopes=INVOICES,
        of_recipient={"eve@client.test": {"dot": b"554 5.7.1 Spam\r\n"}},
        found=[taken(), taken(), refused(554, "5.7.1 Spam")],
    ),
    "a recipient who has moved": Case(answers={"RCPT": b"251 2.1.5 Will forward\r\n"}),
    "too large, and the server says so": Case(
        offers=[*OFFERS[:2], "SIZE 20"],
        answers={"MAIL": b"552 5.3.4 The server takes messages of up to 20 octets.\r\n"},
        found=[refused(552, "5.3.4 The server takes messages of up to 20 octets.")],
    ),
    "no limit of size": Case(offers=("SIZE",)),
    "the null sender": Case(envelopes=[replace(INVOICE, sender="")]),
    "a large message": Case(envelopes=to(LARGE)),
    "several lines to everything": Case(
        answers={
            "greeting": b"220-scripted.test\r\n220 ESMTP\r\n",
            "AUTH": b"235-2.7.0 One\r\n235 2.7.0 Two\r\n",
            "MAIL": b"250-2.1.0 One\r\n250 2.1.0 Two\r\n",
            "DATA": b"354-One\r\n354 Two\r\n",
            "dot": b"250-2.0.0 Queued\r\n250 2.0.0 as 17\r\n",
        },
        found=[taken(250, "2.0.0 Queued\n2.0.0 as 17")],
    ),
    "an answer that never ends": Case(answers={"RCPT": ENDLESS}, found=[SILLY]),
}


@pytest.mark.parametrize("name", ALIKE)
async def test_both_find_the_same(certs: Certificates, name: str) -> None:
    await expect_found(ALIKE[name], certs)


ONE_BY_ONE = [each for each in OFFERS if each != "PIPELINING"]
FIRST, SECOND = INVOICES[0].recipient, INVOICES[1].recipient
NO_ADDRESS = refused(501, "5.1.3 The recipient's address cannot be sent.")
OUT_OF_STEP = "a code that the command cannot have is no answer to it"

UNLIKE: Mapping[str, Case] = {
    "no octets at all": Case(
        envelopes=to(b""),
        theirs_had=[replace(TAKEN, content=b"\r\n")],
        why="aiosmtplib adds an empty line",
    ),
    "a go-ahead without a recipient": Case(
        answers={"RCPT": UNKNOWN},
        found=[refused(550, "5.1.1 Unknown")],
        had=[replace(TAKEN, content=b"")],
        why="DATA was asked for in the same write: an empty message ends it (RFC 2920, 3.1)",
    ),
    "taken with another code": Case(
        answers={"dot": b"252 2.0.0 Queued\r\n"},
        found=[taken(252)],
        theirs=[refused(252, "2.0.0 Queued")],
        theirs_had=[TAKEN],
        why="the first digit counts (RFC 5321, 4.3.2); aiosmtplib would send it twice",
    ),
    "a go-ahead with another code": Case(
        answers={"DATA": b"250 2.0.0 Ok\r\n"},
        found=[SILLY],
        theirs=[refused(250, "2.0.0 Ok")],
        why=OUT_OF_STEP,
    ),
    "a go-ahead too early": Case(
        answers={"MAIL": b"354 Go ahead\r\n"},
        found=[SILLY],
        theirs=[refused(354, "Go ahead")],
        why=OUT_OF_STEP,
    ),
    "an answer too many": Case(
        offers=ONE_BY_ONE,
        answers={"MAIL": b"250 2.1.0 Ok\r\n550 5.7.1 Injected\r\n"},
        found=[SILLY],
        theirs=[refused(550, "5.7.1 Injected")],
        why="aiosmtplib takes it for the answer to what it says next",
    ),
    "lines of one answer with different codes": Case(
        answers={"RCPT": b"250-2.1.5 Ok\r\n550 5.1.1 Unknown\r\n"},
        found=[SILLY],
        theirs=[refused(550, "2.1.5 Ok\n5.1.1 Unknown")],
        why="RFC 5321, 4.2.1: every line has the same code",
    ),
    "a line that ends with LF alone": Case(
        answers={"MAIL": b"250-2.1.0 One\n250 2.1.0 Two\r\n"},
        found=[SILLY],
        theirs=[taken()],
        why="a line ends with CRLF, and with nothing else (RFC 5321, 2.3.8)",
    ),
    "an answer with a code that no server has": Case(
        answers={"MAIL": b"650 Ok\r\n"},
        found=[SILLY],
        theirs=[refused(650, "Ok")],
        why="RFC 5321, 4.2.1: codes begin with 2 to 5",
    ),
    "an answer of 101 lines": Case(
        answers={"MAIL": b"250-2.1.0 Ok\r\n" * 100 + b"250 2.1.0 Ok\r\n"},
        found=[SILLY],
        theirs=[taken()],
        why="100 lines are the limit; aiosmtplib counts octets alone",
    ),
    "an answer injected before TLS": Case(
        answers={"STARTTLS": b"220 2.0.0 Go\r\n250 AUTH PLAIN\r\n"},
        found=[SILLY],
        theirs=[taken()],
        why="somebody is in between; aiosmtplib forgets it and goes on (RFC 3207, 6)",
    ),
    "EHLO refused for another reason": replace(
        PLAIN,
        answers={**OLD, "EHLO": b"554 5.7.1 You are listed\r\n"},
        found=[refused(554, "5.7.1 You are listed")],
        theirs=[taken()],
        why="only who does not know EHLO is asked by HELO (RFC 5321, 3.2)",
    ),
    "EHLO not known, but a login set": Case(
        answers=OLD,
        found=[refused(502, "5.5.1 What?")],
        theirs=[CLEAR],
        why="HELO offers no STARTTLS, so it is not said at all",
    ),
    "too large by what the server offers": Case(
        offers=[*OFFERS[:2], "SIZE 20"],
        found=[refused(552, "5.3.4 The server takes messages of up to 20 octets.")],
        theirs=[taken()],
        why="the server has said what it takes, and is not asked",
    ),
    "hung up before the second": Case(
        envelopes=INVOICES[:2],
        of_recipient={FIRST: {"MAIL": DROP}},
        found=[taken()] * 2,
        theirs=[taken(), CUT],
        why="a used session may end at any time; a new one is tried once",
    ),
    "closed before the second": Case(
        envelopes=INVOICES[:2],
        of_recipient={FIRST: {"MAIL": b"421 4.4.2 Idle\r\n"}},
        found=[taken()] * 2,
        theirs=[taken(), refused(421, "4.4.2 Idle")],
        why="a used session may end at any time; a new one is tried once",
    ),
    "addresses outside of ASCII": Case(
        offers=[*OFFERS, "SMTPUTF8"],
        envelopes=[replace(INVOICE, recipient="änna@client.test")],
        found=[NO_ADDRESS],
        theirs=[UNSENDABLE],
        why="neither asks; we answer in the server's place",
    ),
    "a command in an address": Case(
        envelopes=[replace(INVOICE, recipient="anna@client.test>\r\nRCPT TO:<eve@evil.test")],
        found=[NO_ADDRESS],
        theirs=[taken()],
        theirs_had=[TAKEN],
        why="aiosmtplib reads an address out of it, and sends to that",
    ),
    "spaces in an address": Case(
        envelopes=[replace(INVOICE, recipient="an na@client.test")],
        found=[NO_ADDRESS],
        theirs=[UNSENDABLE],
        why="neither asks; we answer in the server's place",
    ),
}


@pytest.mark.parametrize("name", UNLIKE)
async def test_both_find_what_they_must_where_they_differ(certs: Certificates, name: str) -> None:
    await expect_found(UNLIKE[name], certs)
