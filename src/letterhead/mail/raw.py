"""A message that comes as bytes: vetted, its recipients read, our own fields taken out."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any, NamedTuple

from letterhead.errors import Invalid, Problem, TooLarge
from letterhead.mail import address, header, international
from letterhead.mail.address import Mailbox
from letterhead.mail.lines import has_long_line, with_line_ends
from letterhead.mail.message import (
    HEADERS_LIMIT,
    MESSAGE_LIMIT,
    MessageClass,
    key_problem,
    recipient_problems,
)
from letterhead.mail.parsing import parsed
from letterhead.mail.said import spoken

LINE_LIMIT = 998  # octets without the line end (RFC 5322, section 2.1.1)
_STRIDE = LINE_LIMIT + len("\r\n")
DEPTH = 20
PARTS = 200
ADDRESSES_LIMIT = 16 * 1024  # octets of all fields of addresses

# Fields that may stand in a message once (RFC 5322, section 3.6; RFC 2045, section 3).
_ONCE = frozenset(
    {
        *("from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date"),
        *("message-id", "in-reply-to", "references", "mime-version", "content-type"),
        *("content-transfer-encoding", "content-disposition", "content-id"),
        *("x-letterhead-class", "x-letterhead-idempotency-key"),
    }
)
_OF_ADDRESSES = frozenset({"from", "sender", "reply-to", "to", "cc", "bcc"})
# What an address seldom needs, and the parser of Python 3.11 takes long to read.
_COSTLY = '()"\\'
_COSTLY_LIMIT = 800
# Fields that are ours to set, or that tell of the way so far.
_OURS = re.compile(
    r"from|sender|reply-to|bcc|message-id|return-path|received|resent-.*|dkim-.*|x-letterhead-.*"
)
_FIELD = re.compile(
    rb"^(([!-9;-~]{1,76})[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n)", re.MULTILINE
)
_MARK = re.compile(
    rb"^--(?P<line>[^\r\n]{1,200})|^content-type:[ \t]*multipart/(?P<rest>(?:[^\r\n]|\r\n[ \t])*)",
    re.IGNORECASE | re.MULTILINE,
)
_HOLDS_PARTS = (b"multipart/", b"message/")
_DATE = re.compile(rb"^Date[ \t]*:(?:[^\r\n]|\r\n[ \t])*\r\n", re.IGNORECASE | re.MULTILINE)
_BOUNDARY = re.compile(
    rb'boundary[ \t]*=[ \t]*(?:"([^"\r\n]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE
)
_AS_IT_STANDS = re.compile(r"(?:[ -<>-~]|=(?!\?))*")  # a text without encoded words (RFC 2047)
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_CLASSES = (MessageClass.BUSINESS.value, MessageClass.SYSTEM.value)  # that may be asked for


@dataclass(frozen=True, slots=True)
class RawMessage:
    """
    A message that came as bytes; `content` has no From, Reply-To and Bcc any more.

    What came by SMTP has everybody of its envelope in `bcc`: To and Cc are for people to read.
    """

    to: Sequence[Mailbox]
    cc: Sequence[Mailbox]
    bcc: Sequence[Mailbox]
    subject: str
    reply_to: tuple[Mailbox, ...]
    content: bytes
    sender: str = ""  # the address in From
    message_class: MessageClass = MessageClass.BUSINESS
    idempotency_key: str | None = None


class _Field(NamedTuple):
    """One field of the header: its name in small letters, its folded value, and all its bytes."""

    name: str
    folded: bytes
    octets: bytes

    @property
    def value(self) -> str:
        return self.folded.replace(b"\r\n", b"").strip().decode("utf-8")


def read(raw: bytes, *, date: datetime) -> RawMessage:
    """
    Read a whole message; `date` is for one that has no Date.

    Invalid names each field that is not right; TooLarge is for one over 25 MB.
    """
    if b"\r" not in raw:
        raw = raw.replace(b"\n", b"\r\n")
    fields, body = _vetted(raw)
    reading = _Reading(fields)
    message = RawMessage(
        to=reading.mailboxes("to"),
        cc=reading.mailboxes("cc"),
        bcc=reading.mailboxes("bcc"),
        subject=reading.subject(),
        reply_to=reading.mailboxes("reply-to"),
        content=_content(fields, body, date),
    )
    reading.check(message)
    return message


def read_submitted(raw: bytes, recipients: Sequence[str], *, date: datetime) -> RawMessage:
    """
    Read a message that came by SMTP to the `recipients` of its envelope.

    Its header may be in UTF-8 (RFC 6532), and is encoded then. Invalid and TooLarge as in `read`.
    """
    fields, body = _vetted(raw, utf8=True)
    reading = _Reading(fields)
    message = RawMessage(
        to=(),
        cc=(),
        bcc=tuple(map(Mailbox, recipients)),
        subject=reading.subject(),
        reply_to=reading.mailboxes("reply-to"),
        content=_content(fields, body, date),
        sender=reading.sender(),
        message_class=reading.message_class(),
        idempotency_key=reading.idempotency_key(),
    )
    reading.check(message)
    return message


def digest(message: RawMessage) -> str:
    """What a repetition of the message has in common with it: all but date, id and boundaries."""
    content = _DATE.sub(b"", message.content, count=1)
    for at, boundary in enumerate(_boundaries(content)):
        content = content.replace(boundary, b"=_%d" % at)
    people = sorted(each.email.lower() for each in (*message.to, *message.cc, *message.bcc))
    whole = "\n".join([message.message_class, *people, ""]).encode() + content
    return hashlib.sha256(whole).hexdigest()


def _vetted(raw: bytes, *, utf8: bool = False) -> tuple[list[_Field], bytes]:
    """Header fields and body of a message that keeps every limit."""
    if len(raw) > MESSAGE_LIMIT:
        raise TooLarge(f"A message has at most {MESSAGE_LIMIT >> 20} MB.")
    fields, body = _split(_checked(raw), utf8=utf8)
    _check_parts(body, fields)
    _check_addresses(fields)
    return [each if each.octets.isascii() else _encoded(each) for each in fields], body


def _checked(raw: bytes) -> bytes:
    """The message, whose lines end with CRLF and are not too long; the last one is ended."""
    if with_line_ends(raw) != raw:
        raise _invalid("body", "line_ends", "A line ends with CRLF: no bare CR, no bare LF.")
    if b"\0" in raw:
        raise _invalid("body", "nul", "A message holds no NUL.")
    raw = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    if has_long_line(raw, length=_STRIDE):
        raise _invalid("body", "line_too_long", f"A line has at most {LINE_LIMIT} octets.")
    return raw


def _split(raw: bytes, *, utf8: bool) -> tuple[list[_Field], bytes]:
    """Header fields, and the rest with the empty line in front."""
    end = 0 if raw.startswith(b"\r\n") else raw.find(b"\r\n\r\n") + 2
    top = raw[:end] if end != 1 else raw
    if len(top) > HEADERS_LIMIT:
        raise _invalid("headers", "too_large", f"The header has at most {HEADERS_LIMIT} octets.")
    if not top.isascii() and not (utf8 and _is_utf8(top)):
        message = "The header holds octets that are not ASCII: encode them by RFC 2047."
        raise _invalid("headers", "not_ascii", message)
    return _fields(top), raw[len(top) :] or b"\r\n"


def _fields(top: bytes) -> list[_Field]:
    found = _FIELD.findall(top)
    if sum(len(octets) for octets, *_ in found) != len(top):
        raise _invalid("headers", "malformed", f"Line {_strange(top)} is no header field.")
    return [_Field(name.decode("ascii").lower(), value, whole) for whole, name, value in found]


def _strange(top: bytes) -> int:
    """The number of the first line that belongs to no field."""
    at = 0
    while match := _FIELD.match(top, at):
        at = match.end()
    return top.count(b"\n", 0, at) + 1


def _is_utf8(top: bytes) -> bool:
    try:
        return bool(top.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _encoded(field: _Field) -> _Field:
    """The field in ASCII; its value stays as people read it."""
    name = field.octets.partition(b":")[0].rstrip().decode("ascii")
    try:
        return field._replace(octets=international.field(name, field.value))
    except ValueError as error:
        raise _invalid(field.name, "not_ascii", str(error)) from error


def _check_parts(body: bytes, fields: Sequence[_Field]) -> None:
    """Count parts and their depth in one pass, before anybody takes the message apart."""
    kinds = b"".join(each.octets for each in fields if each.name == "content-type")
    if not any(each in kinds.lower() for each in _HOLDS_PARTS):
        return  # nobody looks for parts in a text
    text = kinds + body
    opened: list[bytes] = []
    parts = 0
    for mark in _MARK.finditer(text):
        if mark["line"] is None:
            opened += _boundary(mark["rest"])
        else:
            parts += _enter(mark["line"].rstrip(), opened)
        if len(opened) > DEPTH or parts > PARTS:
            message = f"A message has at most {PARTS} parts, {DEPTH} deep."
            raise _invalid("body", "too_complex", message)


def _boundary(parameters: bytes) -> list[bytes]:
    found = _BOUNDARY.search(parameters)
    return [found[1] or found[2]] if found else []


def _enter(line: bytes, opened: list[bytes]) -> int:
    """Close what ends at a delimiter; 1 if a part begins there (RFC 2046, section 5.1.1)."""
    if line in opened:
        del opened[opened.index(line) + 1 :]
        return 1
    if line.endswith(b"--") and line[:-2] in opened:
        del opened[opened.index(line[:-2]) :]
    return 0


def _check_addresses(fields: Sequence[_Field]) -> None:
    """Weigh the fields of addresses: reading them takes time by the square of their length."""
    text = "".join(each.value for each in fields if each.name in _OF_ADDRESSES)
    if len(text) > ADDRESSES_LIMIT or sum(map(text.count, _COSTLY)) > _COSTLY_LIMIT:
        message = f"Addresses have at most {ADDRESSES_LIMIT} octets in all, with few quotes."
        raise _invalid("headers", "too_large", message)


class _Reading:
    """Reads the fields that say whom to send to, and notes what is not right."""

    def __init__(self, fields: Sequence[_Field]) -> None:
        self._fields = {each.name: each for each in fields}
        self._problems = [_twice(name) for name in _more_than_once(fields)]
        self._senders = self._specs("from")

    def mailboxes(self, name: str) -> tuple[Mailbox, ...]:
        """The addresses of a field: what our strict grammar does not take is a problem."""
        return tuple(self._mailboxes(name, self._value(name)))

    def subject(self) -> str:
        text = self._value("subject")
        if not _AS_IT_STANDS.fullmatch(text):
            text = str(parsed("subject", text))
        return _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text)[: header.VALUE_LIMIT]

    def sender(self) -> str:
        """The address in From, as it stands: it is replaced, so that it need not be a good one."""
        return next(iter(self._senders), "")

    def message_class(self) -> MessageClass:
        found = self._value("x-letterhead-class", MessageClass.BUSINESS.value).lower()
        if found in _CLASSES:
            return MessageClass(found)
        message = f"Choose {' or '.join(_CLASSES)}."
        self._problems.append(Problem("x-letterhead-class", "unknown", message))
        return MessageClass.BUSINESS

    def idempotency_key(self) -> str | None:
        if "x-letterhead-idempotency-key" not in self._fields:
            return None
        key = self._value("x-letterhead-idempotency-key")
        if message := key_problem(key):
            self._problems.append(Problem("x-letterhead-idempotency-key", "invalid", message))
        return key

    def check(self, message: RawMessage) -> None:
        """Invalid if there is anything that is not right."""
        if len(self._senders) > 1:
            self._problems.append(Problem("from", "invalid", "From holds one address."))
        self._check_sender(set(map(_domain, self._senders)))
        everybody = (*message.to, *message.cc, *message.bcc)
        if not self._problems:
            self._problems += recipient_problems(everybody)
        if self._problems:
            raise Invalid(self._problems)

    def _check_sender(self, domains: set[str]) -> None:
        if any(_domain(each) not in domains for each in self._specs("sender")):
            message = "Sender is of another domain than From."
            self._problems.append(Problem("sender", "invalid", message))

    def _value(self, name: str, default: str = "") -> str:
        return self._fields[name].value if name in self._fields else default

    def _specs(self, name: str) -> list[str]:
        """The addresses of a field that nobody is written to by: a list, good ones or not."""
        return [each.addr_spec for each in self._addresses(name, self._value(name))]

    def _addresses(self, name: str, value: str) -> Sequence[Any]:
        if not value:
            return ()
        found = parsed(name, value)
        if found is None or found.defects:
            self._problems.append(Problem(name, "malformed", "This is no list of addresses."))
            return ()
        return tuple(found.addresses)

    def _mailboxes(self, name: str, value: str) -> Iterable[Mailbox]:
        for each in self._addresses(name, value):
            try:
                yield _mailbox(each.display_name, each.addr_spec, value)
            except ValueError as error:
                self._problems.append(Problem(name, "invalid", spoken(error)))


def _mailbox(name: str, email: str, value: str) -> Mailbox:
    if email not in value:  # the parser has decoded something that must not be encoded
        raise ValueError("An address cannot be encoded (RFC 2047, section 5).")
    problem = header.display_name_problem(name)
    if problem:
        raise ValueError(problem)
    return Mailbox(address.address(email), name)


def _content(fields: Sequence[_Field], body: bytes, date: datetime) -> bytes:
    kept = [each.octets for each in fields if not _OURS.fullmatch(each.name)]
    if not any(each.name == "date" for each in fields):
        kept.insert(0, header.verbatim("Date", format_datetime(date)))
    return b"".join(kept) + body


def _more_than_once(fields: Sequence[_Field]) -> list[str]:
    names = [each.name for each in fields]
    if len(set(names)) == len(names):
        return []
    return [name for name, count in Counter(names).items() if count > 1 and name in _ONCE]


def _twice(name: str) -> Problem:
    return Problem(name, "duplicate", "This field may stand in a message once.")


def _boundaries(content: bytes) -> list[bytes]:
    """The boundaries of all parts, in the order in which they come."""
    found = (each for mark in _MARK.finditer(content) for each in _boundary(mark["rest"] or b""))
    return list(dict.fromkeys(found))[:PARTS]


def _domain(spec: str) -> str:
    return spec.rpartition("@")[2].lower()


def _invalid(field: str, code: str, message: str) -> Invalid:
    return Invalid([Problem(field, code, message)])
