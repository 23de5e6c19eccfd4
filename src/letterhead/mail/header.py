"""Header fields as bytes (RFC 5322, section 2.2; RFC 2047): checked, encoded, folded."""

import re
import textwrap
from collections.abc import Iterable
from email.header import Header

from letterhead.mail.address import Mailbox
from letterhead.mail.said import said

VALUE_LIMIT = 1996  # octets: two lines of 998 (RFC 5322, section 2.1.1)
NAME_LIMIT = 500  # characters of the name that is shown with an address
_LINE = 76  # characters of a line, as RFC 5322 would have it
_WORD = 900  # characters without a blank; RFC 5322 allows 998 in a line

# What an unsuspecting reader of a line may take for its end, or that cannot be written at all.
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}")
_OWNED = re.compile(
    r"from|sender|reply-to|to|cc|bcc|subject|date|message-id|return-path|received|mime-version"
    r"|content-.*|resent-.*|dkim-.*|arc-.*|x-letterhead-.*",
    re.IGNORECASE,
)
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")  # atoms and blanks


def value_problem(value: str) -> str | None:
    """Say why this cannot be the value of a field, if so."""
    if _UNSAFE.search(value):
        return said("Line ends and control characters are not allowed here.")
    if len(value) > VALUE_LIMIT or len(value.encode()) > VALUE_LIMIT:
        return said("Use at most {limit} octets.", limit=VALUE_LIMIT)
    return None


def display_name_problem(name: str) -> str | None:
    """Say why this cannot be the name that is shown with an address, if so."""
    if len(name) > NAME_LIMIT:
        return said("Use at most {limit} characters.", limit=NAME_LIMIT)
    return value_problem(name)


def field_name_problem(name: str) -> str | None:
    """Say why a caller cannot set a field of this name, if so."""
    if not _FIELD_NAME.fullmatch(name):
        return said("A field's name has 1 to 76 visible ASCII characters and no colon.")
    if _OWNED.fullmatch(name):
        return said("Letterhead sets this field itself.")
    return None


def unstructured(name: str, value: str) -> bytes:
    """A field of free text, folded; what is not ASCII, or looks encoded, is encoded."""
    return _field(name, _encoded(name, value) if _must_encode(value) else _folded(name, value))


def mailboxes(name: str, boxes: Iterable[Mailbox]) -> bytes:
    """A field of addresses, one a line."""
    return _field(name, ",\r\n ".join(map(_mailbox, boxes)))


def verbatim(name: str, value: str) -> bytes:
    """A field whose value is known to be short and plain."""
    return _field(name, value)


def parameter(name: str, value: str) -> str:
    """A parameter of a field: quoted, or by RFC 2231 if it is not ASCII, long or "=?" is in it."""
    if value.isascii() and "=?" not in value and len(value) < _LINE - len(name):
        return f';\r\n {name}="{_escaped(value)}"'
    coded = "".join(_percent(each) for each in value.encode())
    parts = re.findall(r"(?:%..|[^%]){1,50}", f"utf-8''{coded}")
    if len(parts) == 1:
        return f";\r\n {name}*={parts[0]}"
    return "".join(f";\r\n {name}*{at}*={part}" for at, part in enumerate(parts))


def _field(name: str, value: str) -> bytes:
    return f"{name}: {value}\r\n".encode("ascii")


def _must_encode(value: str) -> bool:
    if not value.isascii() or "=?" in value:
        return True
    return len(value) > _WORD and max(map(len, value.split(" "))) > _WORD


def _folded(name: str, value: str) -> str:
    """Break at single blanks only, so that unfolding gives the very same text."""
    if value != value.strip():
        return _encoded(name, value)
    if len(name) + 2 + len(value) <= _LINE:
        return value
    if "  " in value or "\t" in value:
        return _encoded(name, value)
    pieces = textwrap.wrap(
        value,
        _LINE,
        initial_indent=" " * (len(name) + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\r\n ".join(pieces).lstrip()


def _encoded(name: str, value: str) -> str:
    """Encoded words of at most 75 characters, cut between characters (RFC 2047, section 2)."""
    return Header(value, "utf-8", maxlinelen=_LINE, header_name=name).encode(linesep="\r\n")


def _mailbox(box: Mailbox) -> str:
    if not box.name:
        return box.email
    return f"{_phrase(box.name)} <{box.email}>"


def _phrase(name: str) -> str:
    if _must_encode(name) or len(name) > _LINE:
        return _encoded("", name)
    return name if _PHRASE.fullmatch(name) and name == name.strip() else f'"{_escaped(name)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _percent(octet: int) -> str:
    char = chr(octet)
    return char if char.isascii() and (char.isalnum() or char in "-._") else f"%{octet:02X}"
