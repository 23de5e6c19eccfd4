"""What Amazon SES reports changes the recipient, the portal's suppressions, and nothing twice."""

from dataclasses import dataclass

import pytest

from letterhead.errors import Unavailable
from letterhead.mail import faults, feedback
from letterhead.mail.feedback import Report
from letterhead.mail.letter import Claim, Lane
from letterhead.mail.outcome import Outcome, Sent, Status, Uncertain
from letterhead.mail.portal import Portal
from letterhead.mail.reply import Break, Kind, Reply, Stage
from letterhead.store.database import Database
from letterhead.store.feedback import FeedbackRows
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from tests.mail.test_feedback import event
from tests.store.conftest import NOW, MakeLetter
from tests.store.test_outbox import LEASE, keep, statuses

TAKEN = Sent(Reply(Stage.MESSAGE, 250, "Ok 0100"), Status.SENT)
GONE = Break(Stage.MESSAGE, Kind.CLOSED, after_dot=True)
UNSURE = Uncertain(GONE, faults.of(GONE), NOW)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that a worker has claimed."""

    store: Store
    portal: Portal
    database: Database
    claim: Claim

    async def settle(self, outcome: Outcome) -> None:
        await Outbox(self.database).settle([(self.claim, outcome, NOW)])

    async def report(self, kind: str, **changes: object) -> bool:
        found = feedback.read(event(kind, self.claim.id, **changes))
        assert isinstance(found, Report)
        return await FeedbackRows(self.database).keep(found) == self.portal.id

    async def status(self) -> str:
        [found] = await statuses(self.store, self.portal, self.claim.message_id)
        return found

    async def reasons(self) -> list[str]:
        """Why the portal does not write to somebody."""
        async with self.store.look(self.portal) as desk:
            rows = await desk.suppressions.find("", after="", limit=10)
        return [row.reason for row in rows]


@pytest.fixture
async def mail(store: Store, portal: Portal, letter: MakeLetter, database: Database) -> Mail:
    await keep(store, portal, letter())
    [claim] = await Outbox(database).claim((portal.id, Lane.LIVE), LEASE, limit=1, now=NOW)
    return Mail(store, portal, database, claim)


async def test_a_delivery_is_kept_once(mail: Mail) -> None:
    await mail.settle(TAKEN)

    kept = [await mail.report("Delivery"), await mail.report("Delivery")]

    async with mail.store.look(mail.portal) as desk:
        events = await desk.messages.events(mail.claim.message_id)
    assert kept == [True, False]
    assert await mail.status() == "delivered"
    assert [row.kind for row in events] == ["sent", "delivered"]
    assert [row.reply["text"] for row in events] == ["Ok 0100", "2.6.0 Message received"]


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("Bounce", {}, ("bounced", ["bounced"])),
        ("Bounce", {"bounceType": "Transient"}, ("bounced", [])),
        ("Complaint", {}, ("complained", ["complained"])),
        ("DeliveryDelay", {}, ("sent", [])),
        ("Reject", {}, ("failed", [])),
    ],
)
async def test_what_is_permanent_suppresses_for_this_portal(
    mail: Mail, kind: str, changes: dict[str, str], expected: tuple[str, list[str]]
) -> None:
    await mail.settle(TAKEN)

    assert await mail.report(kind, **changes)

    assert (await mail.status(), await mail.reasons()) == expected


async def test_of_a_mail_that_is_just_being_sent_it_is_to_be_reported_again(mail: Mail) -> None:
    with pytest.raises(Unavailable):
        await mail.report("Delivery")

    assert await mail.status() == "sending"


async def test_a_delivery_ends_the_doubt_and_spares_the_repetition(mail: Mail) -> None:
    await mail.settle(UNSURE)
    assert await mail.status() == "queued"

    await mail.report("Delivery")

    lane, outbox = (mail.portal.id, Lane.LIVE), Outbox(mail.database)
    assert await mail.status() == "delivered"
    assert await outbox.claim(lane, LEASE, limit=1, now=NOW) == []


async def test_a_recipient_that_is_not_known_changes_nothing(database: Database) -> None:
    found = feedback.read(event("Bounce", "somebody-else-s"))

    assert found
    assert not await FeedbackRows(database).keep(found)
