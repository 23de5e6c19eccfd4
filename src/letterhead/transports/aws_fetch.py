"""Fetches a small file over HTTPS from a host of AWS; loaded by who needs it only."""

import ssl

import aiohttp

from letterhead.egress import Egress
from letterhead.errors import Unreachable
from letterhead.mail.reply import Kind
from letterhead.transports.aws_client import EgressResolver

_LIMIT = 64 * 1024  # octets
_PATIENCE = aiohttp.ClientTimeout(total=10)  # seconds
_OK = 200


async def fetched(url: str, egress: Egress, tls: ssl.SSLContext) -> bytes:
    """What is at `url`, without following it elsewhere; Unreachable if there is nothing."""
    connector = aiohttp.TCPConnector(resolver=EgressResolver(egress), ssl=tls)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != _OK:
                raise Unreachable(Kind.PROTOCOL, f"It answered {answer.status}.")
            return await answer.content.read(_LIMIT)
    except (aiohttp.ClientError, OSError) as error:  # a time-out is an OSError, too
        raise Unreachable(Kind.CLOSED, "It does not answer.") from error
