"""Webhooks: who is told what happened, in which words, and how they know that we say it."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from letterhead.errors import Problem
from letterhead.mail import address, faults
from letterhead.mail.event import EventKind
from letterhead.mail.news import Kind
from letterhead.mail.secret import Secret
from letterhead.mail.settings import Ports

PATIENCE = timedelta(days=3)  # for which a call is tried
ACCEPTED = range(200, 300)  # by these answers a receiver says that it has the call
HTTPS_PORT = 443
PER_PORTAL = 10

# What is told: everything that can happen to a recipient after 202, and to a connection.
KINDS = (
    *(each.value for each in EventKind if each is not EventKind.ACCEPTED),
    *(each.value for each in (Kind.PAUSED, Kind.RECOVERED)),
)

_PREFIX = "whsec_"  # of a secret, as Standard Webhooks writes it
_URL_LIMIT = 2000
_PAUSES = tuple(timedelta(seconds=each) for each in (5, 30, 120, 600, 1800, 3600))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One thing that happened, as it is told to one receiver."""

    id: int
    kind: str
    at: datetime
    portal: str
    attempts: int
    message: Mapping[str, Any] | None
    recipient: Mapping[str, Any] | None
    reply: Mapping[str, Any] | None = None
    fault: str | None = None
    until: datetime | None = None

    @property
    def name(self) -> str:
        """The same with each attempt: by it a receiver knows what it has already."""
        return f"call_{self.id}"

    def content(self) -> bytes:
        """The body of the request."""
        told = {
            "id": self.name,
            "type": self.kind,
            "at": _moment(self.at),
            "portal": self.portal,
            "message": self.message,
            "recipient": self.recipient,
            "reply": self.reply,
            "fault": faults.shown(faults.by_code(self.fault), self.reply) if self.fault else None,
            "until": _moment(self.until) if self.until else None,
        }
        return json.dumps(told, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The calls of one webhook that a worker makes now, under a lease."""

    webhook_id: int
    url: str
    secret: Secret | None  # None if its key is missing
    until: datetime  # the end of the lease, and its token
    failures: int  # rounds in a row of which nothing arrived
    calls: Sequence[Call]


def new_secret() -> Secret:
    """What calls are signed with: 256 random bits, as Standard Webhooks writes them."""
    return Secret(_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode())


def signed(secret: Secret, call: Call, content: bytes, now: datetime) -> Mapping[str, str]:
    """The headers that prove who calls (Standard Webhooks 1.0: HMAC-SHA256 of id, time, body)."""
    at = str(int(now.timestamp()))
    return {
        "webhook-id": call.name,
        "webhook-timestamp": at,
        "webhook-signature": signature(secret, f"{call.name}.{at}.".encode() + content),
    }


def signature(secret: Secret, content: bytes) -> str:
    """The signature of an id, a time and a body, with dots between them."""
    key = base64.b64decode(secret.reveal().removeprefix(_PREFIX))
    digest = hmac.digest(key, content, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def next_call(failures: int, now: datetime) -> datetime:
    """When a call, or a receiver, that failed so many times in a row is tried again."""
    return now + _PAUSES[min(failures, len(_PAUSES)) - 1]


def checked(url: str, kinds: Iterable[str], ports: Ports) -> tuple[str, list[Problem]]:
    """Normalise the address of a receiver, and name what is wrong with it and with the kinds."""
    problems: list[Problem] = []
    try:
        url = _url(url, ports)
    except ValueError as error:
        problems.append(Problem("url", "invalid", str(error)))
    for at, each in enumerate(kinds):
        if each not in KINDS:
            message = f"Choose from {', '.join(KINDS)}."
            problems.append(Problem(f"events.{at}", "unknown", message))
    return url, problems


def _url(text: str, ports: Ports) -> str:
    if len(text) > _URL_LIMIT or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"Use up to {_URL_LIMIT} visible ASCII characters.")
    parts = urlsplit(text)
    if parts.scheme.lower() != "https" or "@" in parts.netloc or parts.fragment:
        raise ValueError("Send an address that begins with https://, without login or fragment.")
    port = parts.port  # ValueError names what is wrong with it
    if port not in {None, HTTPS_PORT} and not ports.is_opened(port or 0):
        raise ValueError(f"Use port {HTTPS_PORT}.")
    host = address.host(parts.hostname or "")
    netloc = host if port in {None, HTTPS_PORT} else f"{host}:{port}"
    return parts._replace(scheme="https", netloc=netloc, path=parts.path or "/").geturl()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
