"""Messages as JSON: the bodies of `POST /v1/messages`, and the values that they become."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from letterhead.api.body import Body, Moment
from letterhead.errors import Problem
from letterhead.mail import address
from letterhead.mail.address import Mailbox
from letterhead.mail.message import Attachment, Message, MessageClass, OnUncertain
from letterhead.mail.said import spoken

BATCH = 1000  # messages in a batch


class MailboxBody(Body):
    """An address with a name."""

    email: str = ""
    name: str = ""


class AttachmentBody(Body):
    """A file; one with a `content_id` can be shown inside the HTML."""

    filename: str = ""
    content_type: str = "application/octet-stream"
    content: str = Field("", description="base64 (RFC 4648, section 4)")
    content_id: str | None = None


def _mailbox(given: Any) -> Any:  # noqa: ANN401 - whatever came
    return {"email": given} if isinstance(given, str) else given


class MessageBody(Body):
    """A message to be sent."""

    from_name: str | None = None
    reply_to: Annotated[MailboxBody, BeforeValidator(_mailbox)] | None = None
    to: list[MailboxBody] = Field(default_factory=list)
    cc: list[MailboxBody] = Field(default_factory=list)
    bcc: list[MailboxBody] = Field(default_factory=list)
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: list[AttachmentBody] = Field(default_factory=list)
    headers: dict[str, str] = Field(default_factory=dict)
    class_: Literal["business", "system"] = Field("business", alias="class")
    on_uncertain: Literal["resend", "hold"] = "resend"
    send_at: Moment | None = None
    metadata: dict[str, str | int | float | bool | None] = Field(default_factory=dict)


class BatchBody(Body):
    """Up to 1,000 messages that are kept with one commit."""

    messages: list[MessageBody] = Field(default_factory=list)


class Reading:
    """Turns a body into a message, and notes what is not right on the way."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def message(self, body: MessageBody) -> Message:
        reply_to = [body.reply_to] if body.reply_to else []
        return Message(
            to=self._mailboxes("to", body.to),
            cc=self._mailboxes("cc", body.cc),
            bcc=self._mailboxes("bcc", body.bcc),
            subject=body.subject,
            text=body.text,
            html=body.html,
            attachments=tuple(self._attachments(body.attachments)),
            headers=tuple(body.headers.items()),
            from_name=body.from_name,
            reply_to=self._mailboxes("reply_to", reply_to),
            message_class=MessageClass(body.class_),
            on_uncertain=OnUncertain(body.on_uncertain),
            send_at=body.send_at,
            metadata=body.metadata,
        )

    def _mailboxes(self, field: str, bodies: Sequence[MailboxBody]) -> tuple[Mailbox, ...]:
        return tuple(self._mailboxes_of(field, bodies))

    def _mailboxes_of(self, field: str, bodies: Sequence[MailboxBody]) -> Iterable[Mailbox]:
        for at, body in enumerate(bodies):
            try:
                yield Mailbox(address.address(body.email), body.name)
            except ValueError as error:
                self.problems.append(Problem(f"{field}.{at}.email", "invalid", spoken(error)))

    def _attachments(self, bodies: Sequence[AttachmentBody]) -> Iterable[Attachment]:
        for at, body in enumerate(bodies):
            try:
                content = base64.b64decode(body.content, validate=True)
            except (binascii.Error, ValueError):
                message = "This is not base64."
                self.problems.append(Problem(f"attachments.{at}.content", "base64", message))
            else:
                yield Attachment(body.filename, body.content_type, content, body.content_id)
