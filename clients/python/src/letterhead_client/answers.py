"""What the service answers, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from letterhead_client.errors import Refused, TooMany, Unavailable, refusal
from letterhead_client.retrying import is_passing, retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientState:
    """
    One recipient and its outcome.

    `status` is `queued`, `sending`, `held`, `sent`, `captured`, `failed`, `uncertain`,
    `cancelled` or `suppressed`; `fault` says in words what is wrong, if anything is. `raw` is the
    whole answer.
    """

    id: str
    email: str
    status: str
    raw: Mapping[str, Any]

    @property
    def fault(self) -> Mapping[str, Any] | None:
        return self.raw.get("fault")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The service has the message on disk; `replayed` if it had it already."""

    id: str
    recipients: tuple[RecipientState, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageState:
    """A message of the log and how its recipients stand; `raw` is the whole answer."""

    id: str
    subject: str
    created_at: datetime
    recipients: tuple[RecipientState, ...]
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a recipient; `raw` is the whole answer."""

    kind: str
    at: datetime
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that the portal does not write to any more, and why."""

    email: str
    reason: str
    raw: Mapping[str, Any]


def checked(response: httpx.Response) -> httpx.Response:
    """The response itself if it is good; else the exception that it stands for."""
    if response.is_success:
        return response
    problem = _problem(response)
    if is_passing(response) and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
        raise Unavailable(problem.get("detail") or f"HTTP status {response.status_code}")
    error = refusal(problem)
    if isinstance(error, TooMany):
        error.retry_after = retry_after(response)
    raise error


def receipt(response: httpx.Response) -> Receipt:
    replayed = response.headers.get("idempotent-replayed") == "true"
    return _receipt(response.json(), replayed=replayed)


def receipts(response: httpx.Response) -> list[Receipt | Refused]:
    """An answer for each message of a batch, in its order."""
    return [
        refusal(each["problem"]) if "problem" in each else _receipt(each, replayed=False)
        for each in response.json()["items"]
    ]


def message_state(found: Mapping[str, Any]) -> MessageState:
    return MessageState(
        id=found["id"],
        subject=found["subject"],
        created_at=datetime.fromisoformat(found["created_at"]),
        recipients=_recipients(found),
        raw=found,
    )


def event(found: Mapping[str, Any]) -> Event:
    return Event(kind=found["kind"], at=datetime.fromisoformat(found["at"]), raw=found)


def suppression(found: Mapping[str, Any]) -> Suppression:
    return Suppression(email=found["email"], reason=found["reason"], raw=found)


def _receipt(found: Mapping[str, Any], *, replayed: bool) -> Receipt:
    return Receipt(id=found["id"], recipients=_recipients(found), replayed=replayed)


def _recipients(found: Mapping[str, Any]) -> tuple[RecipientState, ...]:
    return tuple(
        RecipientState(id=each["id"], email=each["email"], status=each["status"], raw=each)
        for each in found["recipients"]
    )


def _problem(response: httpx.Response) -> dict[str, Any]:
    """What the service says is wrong; something between us and it may say it in its own way."""
    blank = {"status": response.status_code, "title": f"HTTP status {response.status_code}"}
    try:
        found = response.json()
    except ValueError:
        return blank
    return {**blank, **found} if isinstance(found, dict) else blank
