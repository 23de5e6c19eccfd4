"""The client for plain code."""

import time
from collections.abc import Callable, Iterator, Sequence
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


class Client:
    """
    Speaks to one Letterhead, in the name of one portal; safe to share between threads.

    `key` is a portal's key, or a platform key together with `portal`, a portal's short name.
    Whatever is handed in twice because an answer got lost is sent once: every message carries an
    idempotency key, yours or one that is made up. Raises the errors of `letterhead_client.errors`.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        portal: str | None = None,
        timeout: float = 30.0,
        patience: Patience | None = None,
    ) -> None:
        self._http = httpx.Client(**Connection(url, key, portal, timeout).settings)
        self._patience = patience or Patience()

    def send(self, message: Message, *, idempotency_key: str | None = None) -> Receipt:
        """Hand a message in. When this returns, it is on disk."""
        return self._do(calls.send(message, idempotency_key))

    def send_raw(
        self, message: bytes | EmailMessage, *, idempotency_key: str | None = None
    ) -> Receipt:
        """
        Hand in a whole message (RFC 5322), with its recipients in To, Cc and Bcc.

        Its From is replaced by the portal's; nobody sees Bcc.
        """
        return self._do(calls.send_raw(message, idempotency_key))

    def send_batch(
        self, messages: Sequence[Message], *, idempotency_key: str | None = None
    ) -> list[Receipt | Refused]:
        """Hand in up to 1,000 messages at once; each is answered by its receipt or its error."""
        return self._do(calls.send_batch(messages, idempotency_key))

    def message(self, message_id: str) -> MessageState:
        """How a message and its recipients stand."""
        return self._do(calls.message(message_id))

    def messages(
        self,
        *,
        status: str | None = None,
        q: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[MessageState]:
        """The log, newest first: all that fits, fetched page by page as you go on."""
        search = Search(status=status, q=q, since=since, until=until)
        return self._all(lambda cursor: calls.messages(search, cursor))

    def events(self, message_id: str) -> Sequence[Event]:
        """What happened to a message, oldest first."""
        return self._do(calls.events(message_id)).items

    def body(self, message_id: str) -> bytes:
        """The message as it was accepted; needs the scope `bodies`."""
        return self._do(calls.body(message_id))

    def cancel(self, message_id: str) -> MessageState:
        """Cancel every recipient that is not being sent yet."""
        return self._do(calls.cancel(message_id))

    def send_again(self, message_id: str) -> Receipt:
        """Send once more, to those who did not get it, or to all if everybody did."""
        return self._do(calls.send_again(message_id))

    def resolve(
        self, message_id: str, recipient: str, outcome: Literal["sent", "resend"]
    ) -> MessageState:
        """Decide what became of an uncertain recipient."""
        return self._do(calls.resolve(message_id, recipient, outcome))

    def suppressions(self, *, q: str | None = None) -> Iterator[Suppression]:
        """The addresses that the portal does not write to any more."""
        return self._all(lambda cursor: calls.suppressions(q, cursor))

    def suppress(self, email: str) -> None:
        """Do not write to an address any more."""
        self._do(calls.suppress(email))

    def unsuppress(self, email: str) -> None:
        """Write to an address again."""
        self._do(calls.unsuppress(email))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _all(self, call: Callable[[str | None], Call[Page[T]]]) -> Iterator[T]:
        cursor = None
        while True:
            page = self._do(call(cursor))
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def _do(self, call: Call[T]) -> T:
        tries = Tries(call, self._patience)
        while True:
            try:
                response = self._http.send(call.request(self._http))
            except httpx.TransportError as error:
                pause = tries.broken(error)
            else:
                again = tries.answered(response)
                if again is None:
                    return call.read(checked(response))
                pause = again
            time.sleep(pause)
