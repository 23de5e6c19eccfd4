"""A message as a program writes it, and the JSON that it becomes."""

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Scalar = str | int | float | bool | None

_UNKNOWN = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox with the name that is shown beside it (RFC 5322, section 3.4)."""

    email: str
    name: str = ""

    @property
    def json(self) -> dict[str, str]:
        return {"email": self.email, "name": self.name}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file; one with a `content_id` is shown inside the HTML by `cid:` (RFC 2392)."""

    filename: str
    content: bytes
    content_type: str = _UNKNOWN
    content_id: str | None = None

    @classmethod
    def of(cls, path: str | Path) -> "Attachment":
        """Read a file; its type is told by the end of its name."""
        found = Path(path)
        kind, encoding = mimetypes.guess_type(found.name)
        return cls(found.name, found.read_bytes(), (not encoding and kind) or _UNKNOWN)

    @property
    def json(self) -> dict[str, str | None]:
        return {
            "filename": self.filename,
            "content_type": self.content_type,
            "content": base64.b64encode(self.content).decode("ascii"),
            "content_id": self.content_id,
        }


To = str | Address | Sequence[str | Address]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    What is to be sent. From is the portal's, as its Email Settings say.

    `to`, `cc` and `bcc` take an address, an `Address` with a name, or several. Everybody sees
    To and Cc, nobody Bcc. `on_uncertain` says what to do if a server breaks off before it
    answers: `resend`, or `hold` for a person. `send_at` has a time zone.
    """

    to: To = ()
    cc: To = ()
    bcc: To = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: Sequence[Attachment] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    from_name: str | None = None
    reply_to: str | Address | None = None
    message_class: Literal["business", "system"] = "business"
    on_uncertain: Literal["resend", "hold"] = "resend"
    send_at: datetime | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, Any]:
        """The body of `POST /v1/messages`."""
        return {
            "to": _addresses(self.to),
            "cc": _addresses(self.cc),
            "bcc": _addresses(self.bcc),
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "attachments": [each.json for each in self.attachments],
            "headers": dict(self.headers),
            "from_name": self.from_name,
            "reply_to": _address(self.reply_to).json if self.reply_to else None,
            "class": self.message_class,
            "on_uncertain": self.on_uncertain,
            "send_at": moment(self.send_at) if self.send_at else None,
            "metadata": dict(self.metadata),
        }


def moment(at: datetime) -> str:
    """A time as RFC 3339 in UTC; ValueError for one without a zone."""
    if at.tzinfo is None:
        raise ValueError("A time needs its zone: datetime(..., tzinfo=UTC).")
    return at.astimezone(UTC).isoformat()


def _addresses(given: To) -> list[dict[str, str]]:
    several = [given] if isinstance(given, str | Address) else given
    return [_address(each).json for each in several]


def _address(given: str | Address) -> Address:
    return given if isinstance(given, Address) else Address(given)
