"""Our SMTP session and aiosmtplib: both are driven alike, and what they find is said alike."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import cast

import aiosmtplib

from letterhead.egress import Egress, allowed
from letterhead.mail.reply import Answer, Kind, Reply
from letterhead.mail.secret import Secret
from letterhead.mail.server import Encryption, Envelope, Server
from letterhead.transports.handover import BRISK, Timeouts
from letterhead.transports.smtp import SmtpTransport
from tests.transports.conftest import always

EHLO = "hart.test"
CUT, SILLY, CLEAR, NO_LOGIN = "cut", "no SMTP", "not encrypted", "no way to sign in"
BEHIND = " behind the dot"  # nobody knows whether the message was taken; only we tell it apart
UNSENDABLE = "not sent"  # by aiosmtplib; we answer in the server's place

_BREAKS = {
    Kind.CLOSED: CUT,
    Kind.TIMED_OUT: CUT,
    Kind.PROTOCOL: SILLY,
    Kind.NO_STARTTLS: CLEAR,
    Kind.CERTIFICATE: CLEAR,
    Kind.NO_AUTH: NO_LOGIN,
}


def taken(code: int = 250, text: str = "2.0.0 Queued") -> str:
    """What is found where the server has taken the message."""
    return f"taken: {code} {text}"


def refused(code: int, text: str) -> str:
    """What is found where the server has refused it, at whatever step."""
    return f"refused: {code} {text}"


@dataclass(frozen=True, slots=True)
class Access:
    """A server, and how to get in; without a login nothing is encrypted."""

    port: int
    tls: ssl.SSLContext
    login: str = ""
    password: str = ""
    address: str = "127.0.0.1"
    name: str = "localhost"
    dns: Sequence[tuple[str, int]] = ()
    timeouts: Timeouts = BRISK

    @property
    def encryption(self) -> Encryption:
        return Encryption.STARTTLS if self.login else Encryption.NONE


Client = Callable[[Access, Sequence[Envelope]], Awaitable[list[str]]]


async def ours(access: Access, envelopes: Sequence[Envelope]) -> list[str]:
    """By `SmtpTransport`, by DATA; each envelope leaves with the final dot before it."""
    way, rest, found = _way(access), [*envelopes], list[str]()
    line = way.line(lambda: rest[0] if rest else None)
    while rest:
        found.append(_meaning(await line.send(rest.pop(0), always)))
    await way.close()
    return found


async def ours_at_once(access: Access, envelopes: Sequence[Envelope]) -> list[str]:
    """By `SmtpTransport` with a window; only the first that leaves goes by DATA, if it must."""
    way, found = _way(access, window=4), dict[int, str]()
    assert way.together
    while rest := [at for at in range(len(envelopes)) if at not in found]:

        def told(at: int, answer: Answer, rest: Sequence[int] = rest) -> None:
            found[rest[at]] = _meaning(answer)

        await way.together.send([envelopes[at] for at in rest], always, told)
    await way.close()
    return [found[at] for at in range(len(envelopes))]


async def theirs(access: Access, envelopes: Sequence[Envelope]) -> list[str]:
    """By aiosmtplib, whose session is opened anew where it has seen its end."""
    smtp = _smtp(access)
    found = [await _sent(smtp, access, each) for each in envelopes]
    await _leave(smtp)
    return found


async def theirs_in_one(access: Access, envelopes: Sequence[Envelope]) -> list[str]:
    """By aiosmtplib, in one transaction for everybody: all have what the first one has."""
    smtp, first = _smtp(access), envelopes[0]
    everybody = [each.recipient for each in envelopes]
    await _open(smtp, access)
    unknown, text = await smtp.sendmail(first.sender, everybody, b"".join(first.content))
    await _leave(smtp)
    return [refused(*unknown[each]) if each in unknown else taken(250, text) for each in everybody]


def _way(access: Access, window: int = 1) -> SmtpTransport:
    server = Server(
        access.name,
        access.port,
        access.encryption,
        login=access.login,
        password=Secret(access.password),
        connections=1,
        window=window,
    )
    egress = Egress(dns_servers=access.dns, allowed=allowed(access.address))
    return SmtpTransport(server, egress, tls=access.tls, ehlo=EHLO, timeouts=access.timeouts)


def _meaning(answer: Answer) -> str:
    if isinstance(answer, Reply):
        return (taken if answer.positive else refused)(answer.code, answer.text)
    return _BREAKS[answer.kind] + (BEHIND if answer.after_dot else "")


def _smtp(access: Access) -> aiosmtplib.SMTP:
    seconds = access.timeouts.command
    return aiosmtplib.SMTP(local_hostname=EHLO, timeout=seconds, tls_context=access.tls)


async def _sent(smtp: aiosmtplib.SMTP, access: Access, envelope: Envelope) -> str:
    content = b"".join(envelope.content)
    try:
        if not smtp.is_connected:
            await _open(smtp, access)
        _, text = await smtp.sendmail(envelope.sender, envelope.recipient, content)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        return _failure(error)
    return taken(250, text)  # aiosmtplib takes no other code


async def _open(smtp: aiosmtplib.SMTP, access: Access) -> None:
    await smtp.connect(hostname=access.address, port=access.port, start_tls=False)
    if access.login:
        await smtp.starttls(server_hostname=access.name)
        await smtp.login(access.login, access.password)


async def _leave(smtp: aiosmtplib.SMTP) -> None:
    """Hang up: under TLS, `close` waits for the server, longer than the loop of a test lasts."""
    if smtp.transport:
        cast("asyncio.Transport", smtp.transport).abort()
        await asyncio.sleep(0)
    smtp.close()


def _failure(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _failure(error.recipients[0])
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return SILLY if error.code < 0 else refused(error.code, error.message)
    other = CLEAR if "STARTTLS extension" in str(error) else NO_LOGIN
    return next((words for kind, words in _FAILURES if isinstance(error, kind)), other)


_FAILURES = (
    (ssl.SSLError, CLEAR),
    (OSError, CUT),  # aiosmtplib's own of this kind, too
    (ValueError, UNSENDABLE),
)
