"""What the platform hands in to be sent, and the rules that it must keep."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from letterhead.errors import Problem
from letterhead.mail import header
from letterhead.mail.address import Mailbox

MESSAGE_LIMIT = 25 * 1024 * 1024  # octets of texts and files
RECIPIENTS = 100
HEADERS_LIMIT = 64 * 1024  # octets of all fields that the caller sets
ATTACHMENTS = 100
KEY_LIMIT = 255  # characters of an idempotency key
METADATA_LIMIT = 4096  # characters of all names and values
SEND_AT_LIMIT = timedelta(days=366)

_FILENAME_LIMIT = 255
_MEDIA_TYPE_LIMIT = 255  # it is written in one line
# Line ends and other controls, and marks that turn the direction of writing.
_FILENAME_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,100}"
_MEDIA_TYPE = re.compile(
    rf'{_TOKEN}/{_TOKEN}(?:; ?{_TOKEN}=(?:{_TOKEN}|"[ !#-\[\]-~]{{0,100}}")){{0,5}}'
)
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")

Scalar = str | int | float | bool | None


class MessageClass(StrEnum):
    """Whose mail it is: a portal's, the platform's own, or a test of Email Settings."""

    BUSINESS = "business"
    SYSTEM = "system"
    TEST = "test"


class OnUncertain(StrEnum):
    """What to do when nobody knows whether the next server has taken a message."""

    RESEND = "resend"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file; one with a `content_id` can be shown inside the HTML by `cid:` (RFC 2392)."""

    filename: str
    content_type: str
    content: bytes
    content_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as the platform hands it in."""

    to: Sequence[Mailbox] = ()
    cc: Sequence[Mailbox] = ()
    bcc: Sequence[Mailbox] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: Sequence[Attachment] = ()
    headers: Sequence[tuple[str, str]] = ()
    from_name: str | None = None
    reply_to: tuple[Mailbox, ...] = ()
    message_class: MessageClass = MessageClass.BUSINESS
    on_uncertain: OnUncertain = OnUncertain.RESEND
    send_at: datetime | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


def recipients(message: Message) -> list[str]:
    """Everybody who gets the message, each once."""
    return once((*message.to, *message.cc, *message.bcc))


def once(boxes: Iterable[Mailbox]) -> list[str]:
    """The addresses of `boxes`, each once; they differ by more than letter case."""
    found: dict[str, str] = {}
    for box in boxes:
        found.setdefault(box.email.lower(), box.email)
    return list(found.values())


def problems(message: Message, now: datetime) -> list[Problem]:
    """Name every field that keeps `message` from being accepted."""
    return [
        *_recipient_problems(message),
        *_text_problems(message),
        *_header_problems(message),
        *_attachment_problems(message.attachments),
        *_other_problems(message, now),
    ]


def key_problem(key: str) -> str | None:
    """Say why this cannot be an idempotency key, if so."""
    if not 0 < len(key) <= KEY_LIMIT or not key.isprintable():
        return f"Send 1 to {KEY_LIMIT} visible characters."
    return None


def recipient_problems(boxes: Sequence[Mailbox]) -> Iterable[Problem]:
    """There is somebody to send to, and not too many."""
    if not boxes:
        yield Problem("to", "required", "Name at least one recipient.")
    if len(boxes) > RECIPIENTS:
        yield Problem("to", "too_many", f"A message has at most {RECIPIENTS} recipients.")


def _recipient_problems(message: Message) -> Iterable[Problem]:
    yield from recipient_problems((*message.to, *message.cc, *message.bcc))
    fields = {"to": message.to, "cc": message.cc, "bcc": message.bcc, "reply_to": message.reply_to}
    for name, boxes in fields.items():
        for at, box in enumerate(boxes):
            yield from _problem(f"{name}.{at}.name", header.display_name_problem(box.name))
    yield from _problem("from_name", header.display_name_problem(message.from_name or ""))


def _text_problems(message: Message) -> Iterable[Problem]:
    yield from _problem("subject", header.value_problem(message.subject))
    if message.text is None and message.html is None and not message.attachments:
        yield Problem("text", "required", "Send a text, HTML or an attachment.")
    sizes = [len(each.content) for each in message.attachments]
    for name, text in (("text", message.text), ("html", message.html)):
        octets = _octets(text or "")
        if octets is None:
            yield Problem(name, "invalid", "NUL and lone surrogates cannot be sent.")
        sizes.append(octets or 0)
    if sum(sizes) > MESSAGE_LIMIT:
        megabytes = MESSAGE_LIMIT >> 20
        yield Problem("attachments", "too_large", f"A message has at most {megabytes} MB.")


def _octets(text: str) -> int | None:
    """The length of a text in UTF-8; None if it cannot be sent."""
    try:
        return None if "\0" in text else len(text.encode())
    except UnicodeEncodeError:
        return None


def _header_problems(message: Message) -> Iterable[Problem]:
    for name, value in message.headers:
        yield from _problem(f"headers.{name[:80]}", header.field_name_problem(name), "not_allowed")
        yield from _problem(f"headers.{name[:80]}", header.value_problem(value))
    if sum(len(name) + len(value) for name, value in message.headers) > HEADERS_LIMIT // 4:
        yield Problem("headers", "too_large", "These are too many header fields.")


def _attachment_problems(attachments: Sequence[Attachment]) -> Iterable[Problem]:
    if len(attachments) > ATTACHMENTS:
        message = f"A message has at most {ATTACHMENTS} attachments."
        yield Problem("attachments", "too_many", message)
    for at, each in enumerate(attachments):
        yield from _problem(f"attachments.{at}.filename", _filename_problem(each.filename))
        if not _is_media_type(each.content_type):
            message = "Name a media type such as application/pdf (none of multipart or message)."
            yield Problem(f"attachments.{at}.content_type", "invalid", message)
        if each.content_id is not None and not _CONTENT_ID.fullmatch(each.content_id):
            message = "Use letters, digits and . @ - _ only."
            yield Problem(f"attachments.{at}.content_id", "invalid", message)


def _is_media_type(kind: str) -> bool:
    if len(kind) > _MEDIA_TYPE_LIMIT or not _MEDIA_TYPE.fullmatch(kind):
        return False
    return not kind.lower().startswith(("multipart/", "message/"))


def _filename_problem(name: str) -> str | None:
    if not name.strip() or len(name) > _FILENAME_LIMIT:
        return f"A file name has 1 to {_FILENAME_LIMIT} characters."
    if _FILENAME_UNSAFE.search(name):
        return "Slashes, control characters and marks of direction are not allowed here."
    return None


def _other_problems(message: Message, now: datetime) -> Iterable[Problem]:
    if message.send_at and message.send_at > now + SEND_AT_LIMIT:
        days = SEND_AT_LIMIT.days
        yield Problem("send_at", "too_late", f"A message can wait {days} days at most.")
    if sum(len(key) + len(str(value)) for key, value in message.metadata.items()) > METADATA_LIMIT:
        yield Problem("metadata", "too_large", f"Use at most {METADATA_LIMIT} characters in all.")
    if any(_octets(f"{key}{value}") is None for key, value in message.metadata.items()):
        yield Problem("metadata", "invalid", "NUL and lone surrogates cannot be kept.")


def _problem(name: str, message: str | None, code: str = "invalid") -> Iterable[Problem]:
    if message:
        yield Problem(name, code, message)
