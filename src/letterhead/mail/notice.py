"""Mail of our own, as letters: test mails, codes, and news about a portal's mail."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from letterhead.mail import mime
from letterhead.mail.address import Mailbox
from letterhead.mail.letter import Addressee, Letter
from letterhead.mail.message import Message, MessageClass
from letterhead.mail.portal import Ids
from letterhead.mail.sender import Platform, header_id
from letterhead.mail.settings import DefaultSettings, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is to be said, to whom, and how long it is worth saying."""

    to: str
    subject: str
    text: str
    kept: timedelta
    message_class: MessageClass = MessageClass.SYSTEM


@dataclass(frozen=True, slots=True)
class Texts:
    """What the operator wants said, on the page and in mails of our own; empty ones are not."""

    advice: str = ""  # who should do this, as in "Ask whoever looks after your IT."
    support: str = ""  # whom to ask
    disclaimer: str = ""

    @property
    def footer(self) -> str:
        found = [f"Questions? {self.support}" if self.support else "", self.disclaimer]
        said = [each for each in found if each]
        return "\n".join(["", "-- ", *said, ""]) if said else ""


@dataclass(frozen=True, slots=True)
class Press:
    """Makes letters of notices."""

    ids: Ids
    platform: Platform
    texts: Texts = Texts()

    def letter(
        self, notice: Notice, portal_id: int, now: datetime, settings: Settings | None = None
    ) -> Letter:
        """A letter in the name of the platform, or of `settings` where they are given."""
        number = self.ids.new(now)
        message = Message(
            to=(Mailbox(notice.to),),
            subject=notice.subject,
            text=notice.text + self.texts.footer,
            message_class=notice.message_class,
        )
        return Letter(
            id=number,
            portal_id=portal_id,
            message_class=notice.message_class,
            created_at=now,
            due=now,
            expires=now + notice.kept,
            subject=notice.subject,
            reply_to=(),
            header_id=header_id(number, settings or DefaultSettings(), self.platform),
            content=mime.compose(message, date=now),
            addressees=(Addressee(self.ids.new(now), notice.to),),
        )
