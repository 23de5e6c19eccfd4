"""A scripted server in the test's own loop, and ways out that lead to it."""

import ssl
from collections.abc import AsyncIterator, Callable

import pytest

from letterhead.egress import Egress, allowed, tls_context
from letterhead.mail.secret import Secret
from letterhead.mail.server import Encryption, Envelope, Server
from letterhead.transports.handover import PATIENT, Timeouts
from letterhead.transports.smtp import SmtpTransport
from tests.servers.certificates import Certificates
from tests.servers.scripted import Scripted

INVOICE = Envelope(
    "office@hart.test", "anna@client.test", (b"Subject: Invoice\r\n\r\n", b"Dear Anna\r\n")
)
PASSWORD = "correct horse"

MakeWay = Callable[..., SmtpTransport]


async def always() -> bool:
    return True


async def never() -> bool:
    return False


@pytest.fixture
def context(certs: Certificates) -> ssl.SSLContext:
    """What a server with the right certificate speaks."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certs.chain("good"))
    return made


@pytest.fixture
async def server(context: ssl.SSLContext) -> AsyncIterator[Scripted]:
    """A server that wants STARTTLS."""
    script = Scripted(tls=context)
    listening = await script.listen()
    yield script
    listening.close()
    for each in [*script.sessions]:
        each.transport.abort()
    await listening.wait_closed()


@pytest.fixture
async def way(server: Scripted, certs: Certificates) -> AsyncIterator[MakeWay]:
    """Makes ways out to the server, and closes them at the end."""
    made: list[SmtpTransport] = []

    def make(*, timeouts: Timeouts = PATIENT, **changes: object) -> SmtpTransport:
        fields = {
            "host": "localhost",
            "port": server.port,
            "encryption": Encryption.STARTTLS,
            "login": "office@hart.test",
            "password": Secret(PASSWORD),
            **changes,
        }
        target = Server(**fields)  # type: ignore[arg-type] # as the test says
        egress = Egress(allowed=allowed("127.0.0.1"))
        context = tls_context(certs.authority)
        way = SmtpTransport(target, egress, tls=context, ehlo="hart.test", timeouts=timeouts)
        made.append(way)
        return made[-1]

    yield make
    for each in made:
        await each.close()
