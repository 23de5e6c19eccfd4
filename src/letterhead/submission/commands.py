"""The arguments of commands, read strictly (RFC 5321, section 4.1.2; RFC 1870, 3030, 3461)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from letterhead.mail.address import ADDRESS_LIMIT, address
from letterhead.mail.message import MESSAGE_LIMIT
from letterhead.submission import replies

_PATH = rf":[ ]?<([^<>\x00-\x20\x7f]{{0,{2 * ADDRESS_LIMIT}}})>(?:[ ]+(.*))?"
_FROM = re.compile(f"FROM{_PATH}", re.IGNORECASE)
_TO = re.compile(f"TO{_PATH}", re.IGNORECASE)
_CHUNK = re.compile(r"([0-9]{1,20})(?: (LAST))?", re.IGNORECASE)

_XTEXT = r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})"  # RFC 3461, section 4
_OF_SENDER = {
    "SIZE": re.compile(r"[0-9]{1,20}"),
    "BODY": re.compile(r"7BIT|8BITMIME", re.IGNORECASE),
    "SMTPUTF8": re.compile(r""),
    "AUTH": re.compile(rf"<>|{_XTEXT}{{1,500}}"),  # heard, and not believed (RFC 4954, section 5)
    "RET": re.compile(r"FULL|HDRS", re.IGNORECASE),
    "ENVID": re.compile(rf"{_XTEXT}{{1,100}}"),
}
_OF_RECIPIENT = {
    "NOTIFY": re.compile(
        r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}", re.IGNORECASE
    ),
    "ORCPT": re.compile(r"[A-Za-z0-9-]{1,20};[^\x00-\x20\x7f]{1,500}"),
}

Grammar = Mapping[str, re.Pattern[str]]


class Refused(Exception):
    """A command cannot be taken; never leaves `submission`."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Chunk:
    """The announcement of so many octets of a message (RFC 3030, section 2)."""

    size: int
    last: bool


def sender(arguments: str) -> str:
    """The address of MAIL, as it stands, since it is replaced; empty for bounces."""
    match = _FROM.fullmatch(arguments)
    if match is None:
        raise Refused(replies.BAD_PATH)
    given = _parameters(match[2], _OF_SENDER)
    if int(given.get("SIZE", "0")) > MESSAGE_LIMIT:
        raise Refused(replies.TOO_LARGE)
    return match[1]


def recipient(arguments: str) -> str:
    """The address of RCPT, by the one grammar for all doors."""
    match = _TO.fullmatch(arguments)
    if match is None:
        raise Refused(replies.BAD_RECIPIENT_PATH)
    _parameters(match[2], _OF_RECIPIENT)
    try:
        return address(match[1])
    except ValueError as error:
        # RFC 6531, section 3.5: 5.6.7 is for an address that is not ASCII and cannot be used.
        code = "5.1.3" if match[1].isascii() else "5.6.7"
        raise Refused(replies.reply(f"553 {code} {error}")) from error


def chunk(arguments: str) -> Chunk:
    match = _CHUNK.fullmatch(arguments)
    if match is None:
        raise Refused(replies.BAD_ARGUMENTS)
    return Chunk(int(match[1]), last=bool(match[2]))


def _parameters(text: str | None, known: Grammar) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in (text or "").split():
        name, _, value = each.partition("=")
        grammar = known.get(name.upper())
        if grammar is None:
            raise Refused(replies.UNKNOWN_PARAMETER)
        if name.upper() in found or not grammar.fullmatch(value):
            raise Refused(replies.BAD_ARGUMENTS)
        found[name.upper()] = value
    return found
