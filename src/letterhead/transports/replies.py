"""Bytes become replies, by the letter of RFC 5321, section 4.2, or the connection is given up."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from letterhead.errors import Unreachable
from letterhead.mail.reply import Kind, Reply, Stage, safe_text

LINE_LIMIT = 4096  # octets; RFC 5321, section 4.5.3.1.5, asks for 512
LINES_LIMIT = 100
REPLY_LIMIT = 64 * 1024

_LINE = re.compile(rb"([2-5][0-5][0-9])(?:([ -])([^\r\n]*))?\r\n")
_DIGITS = b"2345"  # what a reply may start with


class Said(NamedTuple):
    """A whole reply: its code, and the text of its lines."""

    code: int
    lines: tuple[bytes, ...]

    def to(self, stage: Stage) -> Reply:
        """The reply as an answer to a stage; only now its text is made harmless."""
        return Reply(stage, self.code, safe_text(b"\n".join(self.lines)))


class ReplyReader:
    """Cuts what a server says into replies; keeps the limits while a reply is still coming in."""

    def __init__(self) -> None:
        self._rest = b""
        self._code = b""
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def midway(self) -> bool:
        """Whether a reply has begun and not ended."""
        return bool(self._rest or self._lines)

    def feed(self, received: bytes) -> Iterator[Said]:
        """Give each reply that `received` completes; Unreachable if it cannot be one."""
        text = self._rest + received
        start = 0
        while line := _LINE.match(text, start):
            start = line.end()
            if said := self._add(*line.groups(b"")):
                yield said
        self._rest = text[start:]
        self._check_rest()

    def _add(self, code: bytes, mark: bytes, text: bytes) -> Said | None:
        if self._lines and code != self._code:
            raise _broken("the lines of one reply have different codes")
        self._code = code
        self._lines.append(text)
        self._size += len(text)
        if len(text) > LINE_LIMIT or len(self._lines) > LINES_LIMIT or self._size > REPLY_LIMIT:
            raise _broken("the reply is too long")
        return None if mark == b"-" else self._whole()

    def _whole(self) -> Said:
        said = Said(int(self._code), tuple(self._lines))
        self._lines = []
        self._size = 0
        return said

    def _check_rest(self) -> None:
        """A line that has begun must still be able to become one."""
        if not self._rest:
            return
        if b"\n" in self._rest or self._rest[0] not in _DIGITS:
            raise _broken("what came is no SMTP reply")
        if len(self._rest) > LINE_LIMIT:
            raise _broken("the reply is too long")


def _broken(what: str) -> Unreachable:
    return Unreachable(Kind.PROTOCOL, f"The server broke the rules of SMTP: {what}.")
