"""A header field in UTF-8 (RFC 6532), written so that servers without SMTPUTF8 can take it."""

import re

from letterhead.mail import address, header
from letterhead.mail.address import Mailbox
from letterhead.mail.parsing import parsed

_OF_ADDRESSES = frozenset({"from", "sender", "reply-to", "to", "cc", "bcc"})
_OF_PARAMETERS = frozenset({"content-type", "content-disposition"})
_PARAMETER = re.compile(r';[ \t]*([A-Za-z0-9-]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^";\s]+)')
_ESCAPED = re.compile(r"\\(.)")


def field(name: str, value: str) -> bytes:
    """
    A field in ASCII: encoded words (RFC 2047), parameters by RFC 2231, domains by RFC 5891.

    ValueError says what cannot be written so: an address that is not ASCII before its @.
    """
    kind = name.lower()
    if kind in _OF_ADDRESSES:
        return header.mailboxes(name, _mailboxes(value))
    if kind in _OF_PARAMETERS:
        return _ascii(f"{name}: {_PARAMETER.sub(_parameter, value)}\r\n")
    return header.unstructured(name, value)


def _mailboxes(value: str) -> list[Mailbox]:
    found = parsed("to", value)
    if found is None or found.defects:
        raise ValueError("This is no list of addresses.")
    return [Mailbox(address.address(each.addr_spec), each.display_name) for each in found.addresses]


def _parameter(match: re.Match[str]) -> str:
    value = match[2]
    if value.isascii():
        return match[0]
    return header.parameter(match[1], _ESCAPED.sub(r"\1", value.strip('"')))


def _ascii(field: str) -> bytes:
    if not field.isascii():
        raise ValueError("This field holds characters that are not ASCII: encode them.")
    return field.encode("ascii")
