"""The doors of HTTP: where they listen, their certificate, and which proxies are believed."""

import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from letterhead.errors import Misconfigured

GRACE = 25.0  # seconds for what is under way when the service stops

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of our own certificate; both may be the same."""

    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 at least, with this certificate."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load(made)
        return made

    def load(self, context: ssl.SSLContext) -> None:
        """Read the files, again if they were renewed: connections from now on use them."""
        try:
            # A password, though a wrong one: for a locked key nobody is asked at the terminal.
            context.load_cert_chain(self.chain, self.key, password="")
        except (ssl.SSLError, OSError) as error:
            message = f"LETTERHEAD_TLS_CERT_FILE: no certificate with its key: {error.strerror}."
            raise Misconfigured(message) from error


class Server(uvicorn.Server):
    """uvicorn raises the signal anew when it has stopped; our own clean-up comes after it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True


def server(app: ASGIApp, tls: ssl.SSLContext | None, proxies: Sequence[str]) -> Server:
    """Make the server: `X-Forwarded-For` and `-Proto` are believed of `proxies` alone."""
    return Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=int(GRACE),
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            ssl_context_factory=(lambda *_: tls) if tls else None,
        )
    )


def renew(certificate: Certificate, context: ssl.SSLContext) -> None:
    """Take a renewed certificate; one that cannot be read changes nothing."""
    try:
        certificate.load(context)
    except Misconfigured as error:
        log.error("certificate not renewed", reason=str(error))  # noqa: TRY400 - it says all
    else:
        log.info("certificate renewed")


def reached(public_url: str, listening: socket.socket) -> str:
    """Where people reach the pages; a port that the system chose is known only now."""
    return re.sub(":0$", f":{listening.getsockname()[1]}", public_url)
