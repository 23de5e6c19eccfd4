"""What the door says: replies with their enhanced codes (RFC 5321, section 4.2; RFC 3463)."""

import re

from letterhead import errors
from letterhead.errors import Invalid, LetterheadError
from letterhead.mail.message import MESSAGE_LIMIT, RECIPIENTS

TEXT_LIMIT = 400  # characters; a reply line has 512 octets (RFC 5321, section 4.5.3.1.5)

_UNSAYABLE = re.compile(r"[^ -~]+")


def reply(text: str) -> bytes:
    """A reply of one line; what a caller's text could break it with is taken out."""
    return _UNSAYABLE.sub("?", text)[:TEXT_LIMIT].encode("ascii") + b"\r\n"


OK = reply("250 2.0.0 Ok")
SENDER_OK = reply("250 2.1.0 Ok")
RECIPIENT_OK = reply("250 2.1.5 Ok")
GO_AHEAD = reply("354 End with <CR><LF>.<CR><LF>")
READY_FOR_TLS = reply("220 2.0.0 Ready to start TLS")
SIGNED_IN = reply("235 2.7.0 Authentication succeeded")
USER_NAME = b"334 VXNlcm5hbWU6\r\n"  # Username:
PASSWORD = b"334 UGFzc3dvcmQ6\r\n"  # Password:
GO_ON = b"334 \r\n"
CANNOT_VERIFY = reply("252 2.1.5 Send mail and see")
HELP = reply("214 2.0.0 Sign in with the portal's name and an API key as password, under TLS only")
BYE = reply("221 2.0.0 Bye")

UNKNOWN = reply("500 5.5.1 Command not known")
TOO_LONG = reply("500 5.5.2 Line too long")
BARE = reply("500 5.5.2 A line ends with CRLF: no bare CR, no bare LF, no NUL")
NOT_TEXT = reply("500 5.5.2 This is no UTF-8")
BAD_ARGUMENTS = reply("501 5.5.4 The arguments are not right")
BAD_PATH = reply("501 5.1.7 Say MAIL FROM:<address>")
BAD_RECIPIENT_PATH = reply("501 5.1.3 Say RCPT TO:<address>")
BAD_BASE64 = reply("501 5.5.2 This is no base64")
CANCELLED = reply("501 5.7.0 Authentication cancelled")
NOT_OFFERED = reply("502 5.5.1 Not offered here")
OUT_OF_ORDER = reply("503 5.5.1 Not now")
NO_MECHANISM = reply("504 5.5.4 Use PLAIN or LOGIN")
NEEDS_TLS = reply("530 5.7.0 Must issue a STARTTLS command first")
NEEDS_SIGN_IN = reply("530 5.7.0 Authentication required")
KEY_IS_GONE = reply("530 5.7.0 This key opens nothing any more")
WRONG_KEY = reply("535 5.7.8 Portal and key do not fit")
NOT_ENCRYPTED = reply("538 5.7.11 Encryption required")
TOO_MANY_RECIPIENTS = reply(f"452 4.5.3 A message has at most {RECIPIENTS} recipients")
TOO_MUCH_AT_ONCE = reply("452 4.3.1 Too much mail comes in at once: try again")
TOO_LARGE = reply(f"552 5.3.4 A message has at most {MESSAGE_LIMIT >> 20} MB")
NO_RECIPIENTS = reply("554 5.5.1 No valid recipients")
UNKNOWN_PARAMETER = reply("555 5.5.4 A parameter is not known")
FAULT = reply("451 4.3.0 Something went wrong on our side: try again")
TOO_MANY_ERRORS = reply("421 4.7.0 Too many errors")
TOO_MANY_CONNECTIONS = reply("421 4.7.0 Too many connections")
TIMED_OUT = reply("421 4.4.2 Timed out")
CLOSING = reply("421 4.3.2 The service is closing")


# What each error of ours is in SMTP; the text behind it is its own.
_CODES: dict[type[LetterheadError], str] = {
    errors.ForeignFrom: "553 5.7.1",
    errors.Forbidden: "550 5.7.1",
    errors.TooLarge: "552 5.3.4",
    errors.Conflict: "554 5.7.0",
    errors.TooMany: "454 4.7.0",
    errors.StorageFull: "452 4.3.1",
    errors.Unavailable: "451 4.3.0",
    errors.Invalid: "554 5.6.0",
}


def refusal(error: LetterheadError) -> bytes:
    """An error as the reply to a command or a message."""
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), "451 4.3.0")
    words = "; ".join(_words(error)) if isinstance(error, Invalid) else str(error)
    return reply(f"{code} {words}")


def _words(error: Invalid) -> list[str]:
    return [f"{each.field}: {each.message}" for each in error.problems]
