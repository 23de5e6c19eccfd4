"""AUTH PLAIN and LOGIN (RFC 4954, RFC 4616): a portal's slug and a key, line by line."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from letterhead.mail.secret import Secret
from letterhead.submission import replies
from letterhead.submission.commands import Refused

_PARTS = 3  # of PLAIN: whom to act for, user name, password


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody shows: the slug of a portal, and a key."""

    slug: str
    key: Secret


Answered = bytes | Credentials  # the next question, or all that was asked for


class SignIn:
    """One exchange; `answer` takes each line that comes after AUTH."""

    def __init__(self) -> None:
        self._slug = ""
        self._next: Callable[[str], Answered] = self._plain

    def begin(self, arguments: str) -> Answered:
        """Take the arguments of AUTH: a mechanism, and perhaps the first answer."""
        mechanism, _, first = arguments.partition(" ")
        match mechanism.upper():
            case "PLAIN":
                question = replies.GO_ON
            case "LOGIN":
                question, self._next = replies.USER_NAME, self._login_slug
            case _:
                raise Refused(replies.NO_MECHANISM)
        return self.answer("" if first == "=" else first) if first else question

    def answer(self, line: str) -> Answered:
        """Take one answer in base64; a star cancels the exchange."""
        if line == "*":
            raise Refused(replies.CANCELLED)
        return self._next(_decoded(line))

    def _plain(self, text: str) -> Answered:
        parts = text.split("\0")
        if len(parts) != _PARTS or parts[0] not in {"", parts[1]}:
            raise Refused(replies.WRONG_KEY)
        return Credentials(parts[1], Secret(parts[2]))

    def _login_slug(self, text: str) -> Answered:
        self._slug, self._next = text, self._login_key
        return replies.PASSWORD

    def _login_key(self, text: str) -> Answered:
        return Credentials(self._slug, Secret(text))


def _decoded(line: str) -> str:
    try:
        return base64.b64decode(line.encode("ascii"), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError) as error:
        raise Refused(replies.BAD_BASE64) from error
