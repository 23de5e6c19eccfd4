"""Mail is claimed by the transaction that keeps it, for hands that are free for its lane."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from letterhead.errors import Moving
from letterhead.mail import faults
from letterhead.mail.letter import Lane, LaneKey, Letter
from letterhead.mail.limits import Limits
from letterhead.mail.outcome import Stuck
from letterhead.mail.portal import Portal
from letterhead.mail.reply import Reply, Stage
from letterhead.store.committer import Committer
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from tests.store.conftest import NOW, MakeLetter
from tests.store.hands import Hands
from tests.store.test_outbox import LEASE, keep, statuses

LOCKED = Reply(Stage.SIGN_IN, 535, "5.7.3 Authentication unsuccessful")


@dataclass(frozen=True, slots=True)
class Door:
    """Where a portal's mail comes in, and hands that wait behind it."""

    database: Database
    store: Store
    portal: Portal
    hands: Hands = field(default_factory=lambda: Hands(LEASE))

    @property
    def lane(self) -> LaneKey:
        return self.portal.id, Lane.LIVE

    async def accept(self, letter: Letter) -> None:
        committer = Committer(self.database, hands=self.hands)
        async with committer.at_work():
            await committer.add([letter])

    async def statuses(self, letter: Letter) -> list[str]:
        return await statuses(self.store, self.portal, letter.id)


@pytest.fixture
def door(database: Database, store: Store, portal: Portal) -> Door:
    return Door(database, store, portal)


async def test_what_is_accepted_on_a_free_lane_is_being_sent(
    door: Door, letter: MakeLetter
) -> None:
    mail = letter(2)

    await door.accept(mail)

    [(route, claims, is_all)] = door.hands.begun
    assert route.portal_id == door.portal.id
    assert [each.id for each in claims] == [each.id for each in mail.addressees]
    assert {(each.lease, each.attempts) for each in claims} == {(LEASE[0], 1)}
    assert await door.statuses(mail) == ["sending", "sending"]
    assert (is_all, door.hands.woken) == (True, [])


async def test_what_nobody_begins_comes_round_when_its_lease_ends(
    door: Door, letter: MakeLetter
) -> None:
    mail = letter()
    await door.accept(mail)

    assert await Outbox(door.database).free(LEASE[1]) == 1
    assert await door.statuses(mail) == ["queued"]


async def test_a_lane_that_somebody_works_on_is_woken(door: Door, letter: MakeLetter) -> None:
    door.hands.busy.add(door.lane)
    mail = letter()

    await door.accept(mail)

    assert await door.statuses(mail) == ["queued"]
    assert (door.hands.begun, door.hands.woken) == ([], [door.lane])


async def test_what_waited_before_goes_first_and_no_more_than_a_few(
    door: Door, letter: MakeLetter
) -> None:
    old, new = letter(20), letter(20)
    await keep(door.store, door.portal, old)

    await door.accept(new)

    [(_, claims, is_all)] = door.hands.begun
    ids = [each.id for mail in (old, new) for each in mail.addressees]
    assert [each.id for each in claims] == ids[:25]
    assert not is_all


async def test_a_connection_that_failed_is_given_nothing(door: Door, letter: MakeLetter) -> None:
    connections, mail = Connections(door.database), letter()
    route = await connections.route(door.lane, NOW)
    assert route is not None
    await connections.failed(route, Stuck(LOCKED, faults.of(LOCKED)), NOW)

    await door.accept(mail)

    assert await door.statuses(mail) == ["queued"]
    assert (door.hands.begun, door.hands.woken, door.hands.busy) == ([], [door.lane], set())


async def test_limits_of_the_connection_hold(door: Door, letter: MakeLetter) -> None:
    door.hands.limits = Limits(connections=5, per_minute=2)
    mail = letter(5)

    await door.accept(mail)

    assert await door.statuses(mail) == ["sending"] + ["queued"] * 4
    assert len(door.hands.begun[0].claims) == 1  # two a minute are one each half of it


async def test_what_is_due_later_or_known_already_is_not_handed_over(
    door: Door, letter: MakeLetter
) -> None:
    later = letter(due=NOW + timedelta(hours=1))
    first = letter(idempotency_key="invoice-1", request_digest="one")

    await door.accept(later)
    assert (door.hands.begun, door.hands.busy) == ([], set())
    await door.accept(first)
    door.hands.busy.remove(door.lane)
    await door.accept(replace(letter(), idempotency_key="invoice-1"))

    assert [len(each.claims) for each in door.hands.begun] == [1]
    assert door.hands.busy == set()


async def test_a_lane_is_free_again_when_its_mail_is_refused(
    door: Door, letter: MakeLetter
) -> None:
    async with door.database.settle() as writing:
        await writing.execute(text("UPDATE portal SET moving_at = 1"))

    with pytest.raises(Moving):
        await door.accept(letter())

    assert (door.hands.begun, door.hands.busy) == ([], set())


async def test_a_fault_of_ours_keeps_no_mail_from_being_accepted(
    door: Door, letter: MakeLetter
) -> None:
    door.hands.fault = ZeroDivisionError()
    mail = letter()

    await door.accept(mail)

    assert await door.statuses(mail) == ["queued"]
    assert (door.hands.begun, door.hands.woken, door.hands.busy) == ([], [door.lane], set())
