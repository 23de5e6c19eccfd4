"""What Amazon SES reports of a mail after it has taken it, and what becomes of its recipient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from letterhead.mail import faults
from letterhead.mail.event import EventKind
from letterhead.mail.outcome import Status
from letterhead.mail.reply import Reply, Stage, read_reply, safe_text
from letterhead.mail.ses import TAG_RECIPIENT
from letterhead.mail.settings import SES

_PERMANENT = "Permanent"
_LATER = frozenset({Status.SENT, Status.UNCERTAIN, Status.QUEUED})

# From which statuses a report leads to which: what a person may complain of has arrived, and an
# answer to a mail that is out of the office is no bounce of it.
_DELIVERED = (Status.DELIVERED, _LATER)
_BOUNCED = (Status.BOUNCED, _LATER | {Status.DELIVERED})
_SENT_BACK = (Status.BOUNCED, _LATER)
_COMPLAINED = (Status.COMPLAINED, _LATER | {Status.DELIVERED, Status.BOUNCED})
_REJECTED = (Status.FAILED, _LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One thing that SES says of one recipient."""

    kind: EventKind
    recipient_id: str
    at: datetime
    reply: Reply | None = None  # of the recipient's server, where SES passes it on
    permanent: bool = False  # no other mail will arrive there, either

    @property
    def fault(self) -> str | None:
        """What the server's refusal means, by its code in the catalogue."""
        if self.reply is None or self.reply.positive:
            return None
        return faults.of(self.reply).code

    @property
    def suppresses(self) -> bool:
        """Whether the portal should not write to this recipient any more."""
        return self.permanent or self.kind is EventKind.COMPLAINED

    def follows(self, status: Status) -> Status:
        """The recipient's next status; a report that comes too late changes none."""
        if self.kind not in _NEXT:
            return status
        found, before = _SENT_BACK if self._is_temporary else _NEXT[self.kind]
        return found if status in before else status

    @property
    def _is_temporary(self) -> bool:
        return self.kind is EventKind.BOUNCED and not self.permanent


_NEXT: Mapping[EventKind, tuple[Status, frozenset[Status]]] = {
    EventKind.DELIVERED: _DELIVERED,
    EventKind.BOUNCED: _BOUNCED,
    EventKind.COMPLAINED: _COMPLAINED,
    EventKind.REJECTED: _REJECTED,
}

# How SES calls an event, where it says more of it, and who is named there.
_KINDS: Mapping[str, tuple[EventKind, str, str]] = {
    "Delivery": (EventKind.DELIVERED, "delivery", ""),
    "Bounce": (EventKind.BOUNCED, "bounce", "bouncedRecipients"),
    "Complaint": (EventKind.COMPLAINED, "complaint", ""),
    "DeliveryDelay": (EventKind.DELAYED, "deliveryDelay", "delayedRecipients"),
    "Reject": (EventKind.REJECTED, "reject", ""),
}


def read(event: Mapping[str, Any]) -> Report | None:
    """
    Read an event of SES; None for one that concerns no recipient of ours, or tells us nothing.

    ValueError says that it is no event, or not as SES documents it.
    """
    try:
        return _read(event)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"this is no event of Amazon SES: {error!r}") from error


def _read(event: Mapping[str, Any]) -> Report | None:
    mail: Mapping[str, Any] = event["mail"]
    recipient: Sequence[str] = mail.get("tags", {}).get(TAG_RECIPIENT, ())
    known = _KINDS.get(str(event.get("eventType") or event.get("notificationType")))
    if known is None or not recipient:
        return None
    kind, part, named = known
    more: Mapping[str, Any] = event[part]
    return Report(
        kind=kind,
        recipient_id=str(recipient[0]),
        at=_moment(more.get("timestamp") or mail["timestamp"]),
        reply=_reply(more, named),
        permanent=more.get("bounceType") == _PERMANENT,
    )


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return found


def _reply(more: Mapping[str, Any], named: str) -> Reply | None:
    """What the recipient's server said: of a delivery, or of the one who is named."""
    if "smtpResponse" in more:
        return read_reply(str(more["smtpResponse"]), Stage.MESSAGE)
    if "reason" in more:  # of SES itself: it found a virus
        return Reply(Stage.MESSAGE, 554, safe_text(f"{SES}: {more['reason']}"))
    found = more[named][0] if named else {}
    said = str(found.get("diagnosticCode", "")).partition(";")  # RFC 3464, section 2.3.6
    return read_reply((said[2] or said[0]).strip(), Stage.RECIPIENT)
