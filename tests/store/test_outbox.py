"""The outbox: claimed once, settled once, freed when a worker dies, and never lost."""

import asyncio
from datetime import datetime, timedelta

from letterhead.mail import faults
from letterhead.mail.letter import Addressee, KeyReused, Lane, Letter, Receipt
from letterhead.mail.message import OnUncertain
from letterhead.mail.outcome import Deferred, Failed, Returned, Sent, Status
from letterhead.mail.portal import Ids, Portal
from letterhead.mail.reply import Reply, Stage
from letterhead.store.committer import Committer
from letterhead.store.database import Database
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from tests.store.conftest import NOW, MakeLetter

LEASE = ("a lease", NOW + timedelta(seconds=60))
AHEAD = NOW + timedelta(days=3650), NOW + timedelta(hours=1)
OTHER = ("another lease", NOW + timedelta(seconds=60))
TAKEN = Reply(Stage.MESSAGE, 250, "2.0.0 Queued")
BUSY = Reply(Stage.RECIPIENT, 450, "4.2.1 Busy")


async def keep(store: Store, portal: Portal, *letters: object) -> None:
    async with store.portal(portal) as desk:
        for each in letters:
            await desk.letters.add(each)  # type: ignore[arg-type] # letters


async def statuses(store: Store, portal: Portal, message_id: str) -> list[str]:
    async with store.look(portal) as desk:
        found = await desk.messages.get(message_id)
    assert found is not None
    return [each.status for each in found.recipients]


async def test_what_is_claimed_is_claimed_by_one(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    outbox, lane = Outbox(database), (portal.id, Lane.LIVE)
    await keep(store, portal, letter(50))

    claims = await asyncio.gather(
        *(outbox.claim(lane, (f"lease {at}", LEASE[1]), limit=10, now=NOW) for at in range(10))
    )

    ids = [each.id for part in claims for each in part]
    assert sorted(map(len, claims)) == [0, 0, 0, 0, 0, 10, 10, 10, 10, 10]
    assert len(set(ids)) == 50
    assert ids[:10] == sorted(ids[:10])  # first in, first out


async def test_what_is_not_due_is_not_claimed(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    outbox = Outbox(database)
    await keep(store, portal, letter(due=NOW + timedelta(hours=1)))

    early = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=10, now=NOW)
    due = await outbox.lanes_due(NOW)
    later = await outbox.claim(
        (portal.id, Lane.LIVE), LEASE, limit=10, now=NOW + timedelta(hours=2)
    )

    assert (list(early), list(due), len(later)) == ([], [], 1)


async def test_a_worker_whose_lease_has_gone_changes_nothing(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    outbox, lane, made = Outbox(database), (portal.id, Lane.LIVE), letter()
    await keep(store, portal, made)
    [stale] = await outbox.claim(lane, LEASE, limit=1, now=NOW)
    later = NOW + timedelta(minutes=2)
    freed = await outbox.free(later)
    await outbox.claim(lane, (OTHER[0], later + timedelta(minutes=1)), limit=1, now=later)

    await outbox.settle([(stale, Failed(BUSY, faults.of(BUSY)), later)])
    marked = await outbox.mark_dot(stale)

    assert freed == 1
    assert not marked
    assert await statuses(store, portal, made.id) == [Status.SENDING.value]


async def test_outcomes_are_written_down(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    outbox, made = Outbox(database), letter(4)
    await keep(store, portal, made)
    first, second, third, fourth = await outbox.claim(
        (portal.id, Lane.LIVE), LEASE, limit=10, now=NOW
    )

    await outbox.settle(
        [
            (first, Sent(TAKEN, Status.SENT), NOW),
            (second, Deferred(BUSY, faults.of(BUSY), NOW + timedelta(minutes=1)), NOW),
            (third, Failed(BUSY, faults.of(BUSY)), NOW),
            (fourth, Returned(), NOW),
        ]
    )

    assert await statuses(store, portal, made.id) == ["sent", "queued", "failed", "queued"]
    async with store.look(portal) as desk:
        events = await desk.messages.events(made.id)
    assert {each.kind for each in events} == {"sent", "deferred", "failed"}
    again = await outbox.claim((portal.id, Lane.LIVE), OTHER, limit=10, now=NOW)
    assert [(each.id, each.attempts) for each in again] == [(fourth.id, 1)]  # it was no attempt


async def test_what_had_its_final_dot_announced_is_uncertain_after_a_crash(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    outbox, made = Outbox(database), letter(2, on_uncertain=OnUncertain.HOLD)
    await keep(store, portal, made)
    first, _ = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=10, now=NOW)
    await outbox.mark_dot(first)

    freed = await outbox.free(NOW, everything=True)

    assert freed == 2
    assert await statuses(store, portal, made.id) == ["uncertain", "queued"]


async def test_a_lease_can_be_renewed_as_long_as_it_holds(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    outbox = Outbox(database)
    await keep(store, portal, letter())
    await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=1, now=NOW)

    renewed = await outbox.renew(LEASE[0], NOW + timedelta(minutes=5))
    unknown = await outbox.renew("never given", NOW + timedelta(minutes=5))

    assert (renewed, unknown) == (True, False)
    assert await outbox.free(NOW + timedelta(minutes=2)) == 0


async def test_what_was_accepted_while_the_clock_was_ahead_does_not_wait_until_then(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    outbox, lane, ahead, soon = Outbox(database), (portal.id, Lane.LIVE), *AHEAD
    ids = Ids()

    def made(email: str, due: datetime) -> Letter:
        addressees = (Addressee(ids.new(ahead), email),)
        return letter(id=ids.new(ahead), created_at=ahead, due=due, addressees=addressees)

    early, wanted = made("a@b.test", ahead), made("c@d.test", ahead + timedelta(days=1))
    retried = letter(due=soon)
    await keep(store, portal, early, wanted, retried)

    before = await outbox.claim(lane, LEASE, limit=10, now=NOW)
    hastened = await outbox.hasten(NOW)
    after = await outbox.claim(lane, LEASE, limit=10, now=NOW)

    assert (list(before), hastened) == ([], 1)
    assert [each.email for each in after] == ["a@b.test"]


async def test_patience_ends_after_five_days(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    outbox, made = Outbox(database), letter()
    await keep(store, portal, made)

    early = await outbox.expire(NOW + timedelta(days=4))
    late = await outbox.expire(NOW + timedelta(days=5))

    assert (early, late) == (0, 1)
    assert await statuses(store, portal, made.id) == ["failed"]


async def test_submissions_share_commits_and_keep_their_keys(
    portal: Portal, letter: MakeLetter, database: Database
) -> None:
    committer = Committer(database)
    keyed = {"idempotency_key": "invoice-1", "request_digest": "one"}
    letters = [letter(**keyed), letter(**keyed), letter(**{**keyed, "request_digest": "two"})]
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(committer.run())
        kept = await asyncio.gather(*(committer.add([each]) for each in letters))
        running.cancel()

    [first], [again], [other] = kept
    assert isinstance(first, Receipt)
    assert isinstance(again, Receipt)
    assert (again.id, again.replayed) == (first.id, True)
    assert isinstance(other, KeyReused)
    assert committer.accepted == 1


async def test_one_bad_submission_does_not_spoil_the_others(
    portal: Portal, letter: MakeLetter, database: Database
) -> None:
    committer, good = Committer(database), letter()
    bad = letter(portal_id=4711)  # there is no such portal
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(committer.run())
        kept = await asyncio.gather(
            committer.add([good]), committer.add([bad]), return_exceptions=True
        )
        running.cancel()

    assert isinstance(kept[0], list)
    assert isinstance(kept[1], Exception)
