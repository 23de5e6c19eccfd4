"""
Asks AWS: a client for each region and account, opened when it is first needed.

The library behind it costs a second and 45 MB, so it is loaded (in a thread) by who needs it only.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from letterhead.egress import Egress
from letterhead.mail.ses import Access

SES, SNS, SQS = "sesv2", "sns", "sqs"
_SPAN = 0.25  # seconds of an account that one process takes at a time
_LIBRARY = "letterhead.transports.aws_client"


class Client(Protocol):
    """One service of AWS, as one account."""

    @property
    def endpoint(self) -> str:
        """The address (URL) that is asked."""
        ...

    async def call(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask once, without retries of the library's own; Declined gives a refusal or a break."""
        ...

    async def close(self) -> None: ...


class Share(Protocol):
    """Gives the time of an account to one process after the other."""

    async def take(self, account: str, seconds: float) -> float:
        """Have the next `seconds` for oneself; says in how many they begin."""
        ...


class Pace:
    """Lets so many go in a second, over all who send by one account; 0 is no limit."""

    def __init__(self, account: str, share: Share | None) -> None:
        self.a_second = 0.0
        self._account = account
        self._share = share
        self._free = 0.0  # by the loop's clock
        self._ours = 0.0  # until when the time is ours, where others send by the account, too
        self._one = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for one's turn."""
        loop = asyncio.get_running_loop()
        async with self._one:
            at = max(self._free, loop.time())
            if self._share and self.a_second and at >= self._ours:
                at = await self._begin(self._share)
            self._free = at + (1 / self.a_second if self.a_second else 0)
        if at > loop.time():
            await asyncio.sleep(at - loop.time())

    async def _begin(self, share: Share) -> float:
        """Take some turns at once, so that not every mail asks; says when the first one is."""
        length = max(1, round(self.a_second * _SPAN)) / self.a_second
        begins = asyncio.get_running_loop().time() + await share.take(self._account, length)
        self._ours = begins + length - 1 / self.a_second / 2
        return begins

    def rest(self, seconds: float) -> None:
        """Let nobody go for a while."""
        self._free = max(self._free, asyncio.get_running_loop().time() + seconds)


@dataclass(slots=True)
class Line:
    """A client with its pace, which everybody shares who sends by it."""

    open: Callable[[], Awaitable[Client]]
    pace: Pace
    rate_until: float = 0.0  # by the loop's clock: until when the pace is known
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _client: Client | None = None

    async def client(self) -> Client:
        """The client, opened by the first who asks; Declined where there are no credentials."""
        async with self.lock:
            self._client = self._client or await self.open()
        return self._client

    async def close(self) -> None:
        if self._client:
            await self._client.close()


class Aws:
    """
    Opens lines to AWS; those of the operator's account are shared, one a region.

    `share` is for where several processes send.
    """

    def __init__(self, egress: Egress, tls: ssl.SSLContext, *, share: Share | None = None) -> None:
        self.egress = egress
        self.tls = tls
        self._share = share
        self._shared: dict[str, Line] = {}

    def line(self, access: Access) -> Line:
        """The line of an account; one of a portal's own is for the caller to close."""
        made = Line(lambda: self.client(SES, access), Pace(access.account, self._share))
        return self._shared.setdefault(access.region, made) if access.is_operators else made

    async def leave(self, access: Access, line: Line) -> None:
        """Close a line that nobody shares."""
        if not access.is_operators:
            await line.close()

    async def close(self) -> None:
        while self._shared:
            await self._shared.popitem()[1].close()

    async def client(self, service: str, access: Access) -> Client:
        """A client of one service, for the caller to close; Declined without credentials."""
        library = await asyncio.to_thread(import_module, _LIBRARY)
        client: Client = await library.opened(service, access, self.egress, self.tls)
        return client
