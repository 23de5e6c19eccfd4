"""A situation that both clients meet, each with a scripted server of its own."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from letterhead.egress import tls_context
from letterhead.mail.server import Envelope
from letterhead.transports.handover import BRISK
from tests.servers.certificates import Certificates
from tests.servers.scripted import OFFERS, SILENCE, Scripted, Taken, end
from tests.transports.conftest import INVOICE, PASSWORD
from tests.transports.pair import Access, Client, ours, taken, theirs

Answers = Mapping[str, bytes]

TWO_SECONDS = replace(BRISK, greeting=2, command=2, data=2, block=2, dot=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a server offers and says, and what is found of each envelope."""

    answers: Answers = field(default_factory=dict)
    of_recipient: Mapping[str, Answers] = field(default_factory=dict)
    offers: Sequence[str] = OFFERS
    sign_in: str = "AUTH PLAIN LOGIN"
    certificate: str = "good"  # empty: it knows no STARTTLS
    login: str = "office@hart.test"  # empty: in the clear, as with a relay in the same house
    envelopes: Sequence[Envelope] = (INVOICE,)

    found: Sequence[str] = (taken(),)
    had: Sequence[Taken] | None = None  # by the server; None: what was taken, as it was
    theirs: Sequence[str] = ()  # what aiosmtplib finds instead
    theirs_had: Sequence[Taken] | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client found of each envelope, and what the server had by then."""

    found: Sequence[str]
    had: Sequence[Taken]


async def seen(client: Client, case: Case, certs: Certificates) -> Seen:
    """Let a client hand the envelopes over to a server of its own."""
    server = Scripted(
        tls=_speaking(certs.chain(case.certificate)) if case.certificate else None,
        offers=tuple(case.offers),
        sign_in=case.sign_in,
        answers=dict(case.answers),
        of_recipient=lambda email: case.of_recipient.get(email, {}),
    )
    listening = await server.listen()
    access = Access(
        server.port,
        tls_context(certs.authority),
        case.login,
        PASSWORD if case.login else "",
        timeouts=TWO_SECONDS if SILENCE in case.answers.values() else BRISK,
    )
    try:
        found = await client(access, case.envelopes)
    finally:
        await end(server, listening)
    return Seen(found, server.taken)


@cache
def _speaking(chain: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(chain)
    return made


async def expect_found(case: Case, certs: Certificates) -> None:
    """Both find what they must; and the same, unless there is a reason."""
    by_us, by_them = await asyncio.gather(seen(ours, case, certs), seen(theirs, case, certs))

    other = case.theirs or case.found
    assert by_us == _expected(case, case.found, case.had)
    assert by_them == _expected(case, other, case.theirs_had)
    assert (by_us != by_them) is bool(case.why)


def _expected(case: Case, found: Sequence[str], had: Sequence[Taken] | None) -> Seen:
    if had is not None:
        return Seen([*found], [*had])
    pairs = zip(case.envelopes, found, strict=True)
    return Seen([*found], [as_it_was(each) for each, outcome in pairs if "taken" in outcome])


def as_it_was(envelope: Envelope) -> Taken:
    """What a server has had that got the envelope octet by octet."""
    return Taken(envelope.sender, envelope.recipient, b"".join(envelope.content))


INVOICES = [replace(INVOICE, recipient=f"{name}@client.test") for name in ("anna", "bob", "eve")]
TAKEN = as_it_was(INVOICE)
PLAIN = Case(certificate="", sign_in="", login="")


def to(*contents: bytes) -> list[Envelope]:
    """An envelope with each of these octets."""
    return [replace(INVOICE, content=(each,)) for each in contents]
