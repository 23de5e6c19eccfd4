"""The calls of the API, as values: what is asked, and how the answer is read."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message as EmailMessage
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx

from letterhead_client import answers
from letterhead_client.answers import Event, MessageState, Receipt, Suppression
from letterhead_client.errors import Refused
from letterhead_client.message import Message, moment

T = TypeVar("T")

_RFC822 = {"Content-Type": "message/rfc822"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request; `repeatable` if doing it twice is the same as doing it once."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    json: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True

    def request(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        return http.build_request(
            self.method,
            f"/v1{self.path}",
            json=self.json,
            content=self.content,
            headers=self.headers,
            params=self.params,
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; `cursor` leads to the next one, or is None at the end."""

    items: Sequence[T]
    cursor: str | None


def send(message: Message, key: str | None) -> Call[Receipt]:
    return Call(
        method="POST",
        path="/messages",
        json=message.json,
        headers=_key(key),
        read=answers.receipt,
    )


def send_raw(message: bytes | EmailMessage, key: str | None) -> Call[Receipt]:
    content = message if isinstance(message, bytes) else message.as_bytes()
    return Call(
        method="POST",
        path="/messages",
        content=content,
        headers={**_RFC822, **_key(key)},
        read=answers.receipt,
    )


def send_batch(messages: Sequence[Message], key: str | None) -> Call[list[Receipt | Refused]]:
    return Call(
        method="POST",
        path="/messages/batch",
        json={"messages": [each.json for each in messages]},
        headers=_key(key),
        read=answers.receipts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which messages of the log to find: by status, text, and the time they were accepted."""

    status: str | None = None
    q: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def params(self) -> dict[str, str]:
        times = {"since": self.since, "until": self.until}
        found = {name: moment(at) for name, at in times.items() if at}
        return found | {
            name: text for name, text in (("status", self.status), ("q", self.q)) if text
        }


def messages(search: Search, cursor: str | None) -> Call[Page[MessageState]]:
    return _list("/messages", answers.message_state, {**search.params, **_cursor(cursor)})


def message(message_id: str) -> Call[MessageState]:
    return Call(method="GET", path=f"/messages/{_part(message_id)}", read=_state)


def events(message_id: str) -> Call[Page[Event]]:
    return _list(f"/messages/{_part(message_id)}/events", answers.event, {})


def body(message_id: str) -> Call[bytes]:
    return Call(
        method="GET",
        path=f"/messages/{_part(message_id)}/body",
        read=lambda response: response.content,
    )


def cancel(message_id: str) -> Call[MessageState]:
    return _change(message_id, "cancel", _state)


def send_again(message_id: str) -> Call[Receipt]:
    return _change(message_id, "send-again", answers.receipt)


def resolve(
    message_id: str, recipient: str, outcome: Literal["sent", "resend"]
) -> Call[MessageState]:
    return _change(message_id, "resolve", _state, {"recipient": recipient, "as": outcome})


def suppressions(q: str | None, cursor: str | None) -> Call[Page[Suppression]]:
    wanted = {"q": q} if q else {}
    return _list("/suppressions", answers.suppression, {**wanted, **_cursor(cursor)})


def suppress(email: str) -> Call[None]:
    return Call(method="POST", path="/suppressions", json={"email": email}, read=_nothing)


def unsuppress(email: str) -> Call[None]:
    return Call(method="DELETE", path="/suppressions", params={"email": email}, read=_nothing)


def _key(key: str | None) -> dict[str, str]:
    """Every message has an idempotency key, so that it can be handed in again without harm."""
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def _change(
    message_id: str,
    what: str,
    read: Callable[[httpx.Response], T],
    body: Mapping[str, str] | None = None,
) -> Call[T]:
    return Call(
        method="POST",
        path=f"/messages/{_part(message_id)}/{what}",
        json=body,
        read=read,
        repeatable=False,
    )


def _list(
    path: str, read: Callable[[Mapping[str, Any]], T], params: Mapping[str, str]
) -> Call[Page[T]]:
    def page(response: httpx.Response) -> Page[T]:
        found = response.json()
        return Page([read(each) for each in found["items"]], found["next_cursor"])

    return Call(method="GET", path=path, params=params, read=page)


def _cursor(cursor: str | None) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}


def _part(text: str) -> str:
    """One part of a path, whatever the text holds."""
    return quote(text, safe="")


def _state(response: httpx.Response) -> MessageState:
    return answers.message_state(response.json())


def _nothing(_response: httpx.Response) -> None:
    return None
