"""
Django's mail by way of Letterhead.

    EMAIL_BACKEND = "letterhead_client.django.EmailBackend"
    LETTERHEAD_URL = "https://mail.example"
    LETTERHEAD_KEY = "…"            # of a portal, or of the platform
    LETTERHEAD_PORTAL = "hart"      # with a platform key: whose mail it is
    EMAIL_TIMEOUT = 30              # seconds; Django's own setting

With a platform key, a single message names its portal by the header `X-Letterhead-Portal`, which
is taken out: `EmailMessage(..., headers={"X-Letterhead-Portal": "hart"})`.
"""

import hashlib
import threading
from collections.abc import Sequence
from email.message import Message
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from letterhead_client.errors import LetterheadError
from letterhead_client.synchronous import Client

PORTAL = "X-Letterhead-Portal"
KEY = "X-Letterhead-Idempotency-Key"

_TIMEOUT = 30.0  # seconds


class EmailBackend(BaseEmailBackend):  # type: ignore[misc] # Django is not typed
    """
    Hands messages to Letterhead; what is counted as sent is on its disk.

    Everything that Django's message can hold is kept: alternatives, attachments, header fields.
    From is the portal's. Errors are those of `letterhead_client`, unless `fail_silently` is set.
    """

    def __init__(self, *, fail_silently: bool = False, **options: Any) -> None:  # noqa: ANN401 - Django's own signature
        super().__init__(fail_silently=fail_silently)
        self._url: str = options.get("url", "") or getattr(settings, "LETTERHEAD_URL", "")
        self._key: str = options.get("key", "") or getattr(settings, "LETTERHEAD_KEY", "")
        self._portal = options.get("portal") or getattr(settings, "LETTERHEAD_PORTAL", None)
        self._timeout = options.get("timeout") or settings.EMAIL_TIMEOUT or _TIMEOUT
        self._clients: dict[str | None, Client] = {}
        self._lock = threading.RLock()

    def open(self) -> bool:
        """Make the client of the usual portal; whether that was needed."""
        with self._lock:
            if self._portal in self._clients:
                return False
            self._client(self._portal)
            return True

    def close(self) -> None:
        with self._lock:
            while self._clients:
                self._clients.popitem()[1].close()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Hand messages in, one by one; how many were accepted."""
        with self._lock:
            opened = self.open()
            try:
                return sum(self._send(each) for each in email_messages)
            finally:
                if opened:
                    self.close()

    def _send(self, message: EmailMessage) -> bool:
        if not message.recipients():
            return False
        try:
            client = self._client(message.extra_headers.get(PORTAL) or self._portal)
            client.send_raw(octets(message), idempotency_key=message.extra_headers.get(KEY))
        except LetterheadError:
            if not self.fail_silently:
                raise
            return False
        return True

    def _client(self, portal: str | None) -> Client:
        if portal not in self._clients:
            try:
                made = Client(self._url, self._key, portal=portal, timeout=self._timeout)
            except ValueError as error:
                raise ImproperlyConfigured(f"LETTERHEAD_URL, LETTERHEAD_KEY: {error}") from error
            self._clients[portal] = made
        return self._clients[portal]


def octets(message: EmailMessage) -> bytes:
    """
    The bytes of a message (RFC 5322), as Django makes them, with its Bcc.

    From is left out: it is the portal's, and Django's default is no address that mail can have.
    So are Message-ID and a Date that the message does not set itself, which Letterhead gives; so
    that the same message with the same idempotency key is the same octets.
    """
    made = message.message()
    own_date = "date" in map(str.lower, message.extra_headers)
    for name in ("From", "Sender", "Message-ID", PORTAL, KEY, *(() if own_date else ("Date",))):
        del made[name]
    if message.bcc:
        made["Bcc"] = ", ".join(map(str, message.bcc))
    if key := message.extra_headers.get(KEY):
        _set_boundaries(made, key)
    octets: bytes = made.as_bytes()
    return octets


def _set_boundaries(made: Message, key: str) -> None:
    """Take boundaries from the key, where Python would make them up anew each time."""
    for number, part in enumerate(made.walk()):
        if part.is_multipart():
            part.set_boundary(hashlib.sha256(f"{key} {number}".encode()).hexdigest())
