"""A message's text, as far as a person can read it: for the log, not for sending."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

LONGEST = 500_000  # characters that are shown


def plain(content: bytes) -> str:
    """The text of a message, or an empty one if it has none."""
    return _part(content, "plain")


def html(content: bytes) -> str:
    """The HTML of a message, or an empty text if it has none; as it came, so not to be trusted."""
    return _part(content, "html")


def _part(content: bytes, kind: str) -> str:
    found = message_from_bytes(content, _class=EmailMessage, policy=SMTP)
    part = found.get_body((kind,))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except (LookupError, ValueError, AssertionError):  # an unknown charset, or bytes of another
        raw = part.get_payload(decode=True)
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""
    return text.encode("utf-8", "replace").decode("utf-8")[:LONGEST]
