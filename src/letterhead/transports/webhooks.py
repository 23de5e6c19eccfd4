"""Hands a call to the receiver of a webhook, by the one way out."""

import asyncio
import ssl
from collections.abc import Mapping

from letterhead.egress import Egress
from letterhead.errors import Unreachable
from letterhead.mail.reply import Kind

_PATIENCE = 10.0  # seconds for one call, from the first look-up to the end of the answer
_ANSWER_LIMIT = 64 * 1024  # octets


class Receivers:
    """Strangers' servers: public addresses alone, port 443, verified TLS, no redirects."""

    def __init__(self, egress: Egress, tls: ssl.SSLContext) -> None:
        self._egress = egress
        self._tls = tls

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> int:
        """Post JSON; gives the status. Unreachable if there is no whole answer in time."""
        from letterhead.egress import http  # noqa: PLC0415 - httpx is for who has webhooks

        sent = {"content-type": "application/json", "user-agent": "Letterhead", **headers}
        client = http.client(self._egress, self._tls, strangers=True, limit=_ANSWER_LIMIT)
        try:
            async with asyncio.timeout(_PATIENCE), client:
                return (await client.post(url, content=content, headers=sent)).status_code
        except TimeoutError as error:
            raise Unreachable(Kind.TIMED_OUT, "It does not answer in time.") from error
