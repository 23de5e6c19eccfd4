"""What can happen to a recipient; together the events are the timeline of a message."""

from enum import StrEnum


class EventKind(StrEnum):
    """One thing that happened."""

    ACCEPTED = "accepted"
    SENT = "sent"
    CAPTURED = "captured"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"
    RESOLVED = "resolved"
    SUPPRESSED = "suppressed"
    DELIVERED = "delivered"  # this and what follows is reported by the way out, later
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    DELAYED = "delayed"
    REJECTED = "rejected"
