"""What Amazon SES reports, read, and what follows from it; examples as AWS documents them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import feedback
from letterhead.mail.event import EventKind
from letterhead.mail.feedback import Report
from letterhead.mail.outcome import Status

AT = datetime(2026, 3, 1, 12, 0, 5, 123_000, UTC)
PARTS: Mapping[str, Mapping[str, Any]] = {
    "Delivery": {"delivery": {"smtpResponse": "250 2.6.0 Message received"}},
    "Bounce": {
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "NoEmail",
            "bouncedRecipients": [
                {
                    "emailAddress": "anna@client.test",
                    "action": "failed",
                    "status": "5.1.1",
                    "diagnosticCode": "smtp; 550 5.1.1 user unknown",
                }
            ],
        }
    },
    "Complaint": {"complaint": {"complaintFeedbackType": "abuse"}},
    "DeliveryDelay": {
        "deliveryDelay": {
            "delayType": "MailboxFull",
            "delayedRecipients": [
                {"emailAddress": "anna@client.test", "diagnosticCode": "smtp; 452 4.2.2 full"}
            ],
        }
    },
    "Reject": {"reject": {"reason": "Bad content"}},
}


def event(kind: str, recipient: str = "r1", /, **changes: object) -> dict[str, Any]:
    """An event of SES of one of our recipients; `changes` are of its own part."""
    [(name, part)] = PARTS[kind].items()
    mail = {
        "timestamp": "2026-03-01T12:00:05.123Z",
        "messageId": "0100",
        "tags": {"letterhead-recipient": [recipient], "letterhead-message": ["m1"]},
    }
    at = {} if kind == "Reject" else {"timestamp": mail["timestamp"]}
    return {"eventType": kind, "mail": mail, name: {**at, **part, **changes}}


def read(kind: str, /, **changes: object) -> Report:
    found = feedback.read(event(kind, "r1", **changes))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("kind", "expected", "code", "fault"),
    [
        ("Delivery", EventKind.DELIVERED, 250, None),
        ("Bounce", EventKind.BOUNCED, 550, "no-such-mailbox"),
        ("Complaint", EventKind.COMPLAINED, None, None),
        ("DeliveryDelay", EventKind.DELAYED, 452, "mailbox-full"),
        ("Reject", EventKind.REJECTED, 554, "message-refused"),
    ],
)
def test_each_event_is_read(
    kind: str, expected: EventKind, code: int | None, fault: str | None
) -> None:
    found = read(kind)

    assert (found.kind, found.recipient_id, found.at) == (expected, "r1", AT)
    assert (found.reply.code if found.reply else None) == code
    assert found.fault == fault


def test_what_is_permanent_and_what_somebody_complains_of_suppresses() -> None:
    assert read("Bounce").suppresses
    assert read("Complaint").suppresses
    assert not read("Bounce", bounceType="Transient").suppresses
    assert not read("Bounce", bounceType="Undetermined").suppresses
    assert not read("Delivery").suppresses


@pytest.mark.parametrize(
    ("report", "before", "after"),
    [
        (read("Delivery"), Status.SENT, Status.DELIVERED),
        (read("Delivery"), Status.UNCERTAIN, Status.DELIVERED),  # now it is known
        (read("Delivery"), Status.QUEUED, Status.DELIVERED),  # it is not sent again
        (read("Delivery"), Status.BOUNCED, Status.BOUNCED),  # reports may come in any order
        (read("Delivery"), Status.COMPLAINED, Status.COMPLAINED),
        (read("Delivery"), Status.FAILED, Status.FAILED),
        (read("Bounce"), Status.DELIVERED, Status.BOUNCED),
        (read("Bounce"), Status.COMPLAINED, Status.COMPLAINED),
        (read("Bounce", bounceType="Transient"), Status.SENT, Status.BOUNCED),
        # Somebody is out of the office: the mail has arrived.
        (read("Bounce", bounceType="Transient"), Status.DELIVERED, Status.DELIVERED),
        (read("Complaint"), Status.BOUNCED, Status.COMPLAINED),
        (read("Complaint"), Status.CANCELLED, Status.CANCELLED),
        (read("DeliveryDelay"), Status.SENT, Status.SENT),
        (read("Reject"), Status.SENT, Status.FAILED),
    ],
)
def test_the_status_follows_whatever_the_order(
    report: Report, before: Status, after: Status
) -> None:
    assert report.follows(before) is after


def test_events_of_others_and_of_no_use_are_passed_over() -> None:
    foreign = event("Delivery")
    foreign["mail"]["tags"] = {}

    assert feedback.read(foreign) is None
    assert feedback.read({**event("Delivery"), "eventType": "Open"}) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(PARTS)), st.sampled_from(["mail", "part", "tags"]), anything)
def test_what_is_no_event_is_a_value_error(kind: str, where: str, value: Any) -> None:
    broken = event(kind)
    if where == "tags":
        broken["mail"]["tags"] = value
    else:
        broken["mail" if where == "mail" else next(iter(PARTS[kind]))] = value

    try:
        found = feedback.read(broken)
    except ValueError:
        return
    assert found is None or found.recipient_id == "r1"
