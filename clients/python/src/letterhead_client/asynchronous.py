"""The client for asyncio."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from email.message import Message as EmailMessage
from types import TracebackType
from typing import Literal, Self, TypeVar

import httpx

from letterhead_client import calls
from letterhead_client.answers import Event, MessageState, Receipt, Suppression, checked
from letterhead_client.calls import Call, Page, Search
from letterhead_client.connection import Connection
from letterhead_client.errors import Refused
from letterhead_client.message import Message
from letterhead_client.retrying import Patience
from letterhead_client.trying import Tries

T = TypeVar("T")


class AsyncClient:
    """What `Client` does, for asyncio; see there for what each call means."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        portal: str | None = None,
        timeout: float = 30.0,
        patience: Patience | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(**Connection(url, key, portal, timeout).settings)
        self._patience = patience or Patience()

    async def send(self, message: Message, *, idempotency_key: str | None = None) -> Receipt:
        return await self._do(calls.send(message, idempotency_key))

    async def send_raw(
        self, message: bytes | EmailMessage, *, idempotency_key: str | None = None
    ) -> Receipt:
        return await self._do(calls.send_raw(message, idempotency_key))

    async def send_batch(
        self, messages: Sequence[Message], *, idempotency_key: str | None = None
    ) -> list[Receipt | Refused]:
        return await self._do(calls.send_batch(messages, idempotency_key))

    async def message(self, message_id: str) -> MessageState:
        return await self._do(calls.message(message_id))

    def messages(
        self,
        *,
        status: str | None = None,
        q: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[MessageState]:
        search = Search(status=status, q=q, since=since, until=until)
        return self._all(lambda cursor: calls.messages(search, cursor))

    async def events(self, message_id: str) -> Sequence[Event]:
        return (await self._do(calls.events(message_id))).items

    async def body(self, message_id: str) -> bytes:
        return await self._do(calls.body(message_id))

    async def cancel(self, message_id: str) -> MessageState:
        return await self._do(calls.cancel(message_id))

    async def send_again(self, message_id: str) -> Receipt:
        return await self._do(calls.send_again(message_id))

    async def resolve(
        self, message_id: str, recipient: str, outcome: Literal["sent", "resend"]
    ) -> MessageState:
        return await self._do(calls.resolve(message_id, recipient, outcome))

    def suppressions(self, *, q: str | None = None) -> AsyncIterator[Suppression]:
        return self._all(lambda cursor: calls.suppressions(q, cursor))

    async def suppress(self, email: str) -> None:
        await self._do(calls.suppress(email))

    async def unsuppress(self, email: str) -> None:
        await self._do(calls.unsuppress(email))

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _all(self, call: Callable[[str | None], Call[Page[T]]]) -> AsyncIterator[T]:
        cursor = None
        while True:
            page = await self._do(call(cursor))
            for each in page.items:
                yield each
            cursor = page.cursor
            if cursor is None:
                return

    async def _do(self, call: Call[T]) -> T:
        tries = Tries(call, self._patience)
        while True:
            try:
                response = await self._http.send(call.request(self._http))
            except httpx.TransportError as error:
                pause = tries.broken(error)
            else:
                again = tries.answered(response)
                if again is None:
                    return call.read(checked(response))
                pause = again
            await asyncio.sleep(pause)
