"""A message as bytes, made once: MIME (RFC 2045, 2046, 2183, 2387), ready for the wire."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

from letterhead.mail import header
from letterhead.mail.address import Mailbox
from letterhead.mail.lines import has_long_line, with_line_ends
from letterhead.mail.message import Attachment, Message, MessageClass

_LINE = 900  # characters of a line that is sent as it is; RFC 5322 allows 998


def head(*, sender: Mailbox, reply_to: Sequence[Mailbox], message_id: str) -> bytes:
    """The fields that go in front when the message is sent, since they depend on the way out."""
    parts = [header.mailboxes("From", [sender])]
    if reply_to:
        parts.append(header.mailboxes("Reply-To", reply_to))
    parts.append(header.verbatim("Message-ID", message_id))
    return b"".join(parts)


def compose(message: Message, *, date: datetime) -> bytes:
    """Everything but From, Reply-To and Message-ID; equal messages give equal bytes."""
    fields = [header.verbatim("Date", format_datetime(date))]
    for name, boxes in (("To", message.to), ("Cc", message.cc)):
        if boxes:
            fields.append(header.mailboxes(name, boxes))
    fields.append(header.unstructured("Subject", message.subject))
    fields += [header.unstructured(name, value) for name, value in message.headers]
    if message.message_class is not MessageClass.BUSINESS:
        fields.append(header.verbatim("Auto-Submitted", "auto-generated"))  # RFC 3834
    fields.append(header.verbatim("MIME-Version", "1.0"))
    return b"".join(fields) + _body(message)


def _body(message: Message) -> bytes:
    """The parts, in the order in which mail programs expect them to be nested."""
    inline = [each for each in message.attachments if _is_inline(each, message)]
    files = [each for each in message.attachments if not _is_inline(each, message)]
    texts = []
    if message.text is not None:
        texts.append(_text("plain", message.text))
    if message.html is not None:
        html = _text("html", message.html)
        texts.append(_nested("related", [html, *map(_file, inline)]))
    body = [_nested("alternative", texts)] if texts else []
    return _nested("mixed", [*body, *map(_file, files)])


def _is_inline(attachment: Attachment, message: Message) -> bool:
    return bool(attachment.content_id) and message.html is not None


def _nested(kind: str, parts: Sequence[bytes]) -> bytes:
    """
    Several parts in one; a single part stands for itself.

    The boundary holds "=_", which neither quoted-printable nor base64 can (RFC 2045, section 6.7);
    each kind is used once a message.
    """
    if len(parts) == 1:
        return parts[0]
    boundary = f"=_{kind}_=".encode()
    fields = header.verbatim("Content-Type", f'multipart/{kind}; boundary="=_{kind}_="')
    pieces = [fields]
    for part in parts:
        pieces += [b"\r\n--", boundary, b"\r\n", part]
    pieces += [b"\r\n--", boundary, b"--\r\n"]
    return b"".join(pieces)


def _text(kind: str, text: str) -> bytes:
    if not text.endswith(("\n", "\r")):
        text += "\n"
    body = with_line_ends(text.encode())
    plain = text.isascii() and not (_holds_boundary(body) or has_long_line(body, length=_LINE + 2))
    encoding = "7bit" if plain else "quoted-printable"
    charset = "us-ascii" if plain else "utf-8"
    fields = [
        header.verbatim("Content-Type", f"text/{kind}; charset={charset}"),
        header.verbatim("Content-Transfer-Encoding", encoding),
    ]
    return b"".join([*fields, b"\r\n", body if plain else binascii.b2a_qp(body, istext=True)])


def _holds_boundary(text: bytes) -> bool:
    return b"=" in text and b"=_" in text  # one octet is found much faster than two


def _file(attachment: Attachment) -> bytes:
    name = header.parameter("filename", attachment.filename)
    how = "inline" if attachment.content_id else "attachment"
    fields = [
        header.verbatim("Content-Type", attachment.content_type),
        header.verbatim("Content-Transfer-Encoding", "base64"),
        header.verbatim("Content-Disposition", how + name),
    ]
    if attachment.content_id:
        fields.append(header.verbatim("Content-ID", f"<{attachment.content_id}>"))
    return b"".join([*fields, b"\r\n", _base64(attachment.content)])


def _base64(content: bytes) -> bytes:
    text = base64.encodebytes(content)  # lines of 76 characters that end with LF
    return text.replace(b"\n", b"\r\n")
