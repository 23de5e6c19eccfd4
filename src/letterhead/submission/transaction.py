"""One mail transaction: sender, recipients, and the message (RFC 5321, section 3.3)."""

from letterhead.actions.submission import Parcel
from letterhead.mail.message import RECIPIENTS
from letterhead.submission import replies
from letterhead.submission.commands import Refused
from letterhead.submission.content import Content, Dotted, Room


class Transaction:
    """What has been said of a message so far."""

    def __init__(self, sender: str, room: Room) -> None:
        self._sender = sender
        self._recipients: dict[str, str] = {}  # each once; addresses differ by more than case
        self._room = room
        self._content: Content | None = None

    @property
    def in_message(self) -> bool:
        """Whether octets of the message have been announced."""
        return self._content is not None

    @property
    def size(self) -> int:
        return self._content.size if self._content else 0

    def add(self, address: str) -> None:
        """Take one more recipient."""
        if self.in_message:
            raise Refused(replies.OUT_OF_ORDER)
        if len(self._recipients) >= RECIPIENTS and address.lower() not in self._recipients:
            raise Refused(replies.TOO_MANY_RECIPIENTS)
        self._recipients.setdefault(address.lower(), address)

    def dotted(self) -> Dotted:
        """The message comes by DATA; not after BDAT (RFC 3030, section 2)."""
        if self.in_message:
            raise Refused(replies.OUT_OF_ORDER)
        return Dotted(self.chunked())

    def chunked(self) -> Content:
        """The message comes in chunks."""
        if not self._recipients:
            raise Refused(replies.NO_RECIPIENTS)
        if self._content is None:
            self._content = Content(self._room)
        return self._content

    def finish(self, content: Content | Dotted) -> Parcel | bytes:
        """The message is whole; the reply to it where it could not be kept."""
        if content.too_large:
            return replies.TOO_LARGE
        if content.crowded:
            return replies.TOO_MUCH_AT_ONCE
        return Parcel(self._sender, tuple(self._recipients.values()), content.octets())

    def forget(self) -> None:
        """Give back what the message took."""
        if self._content:
            self._content.forget()
