"""Calls are kept in the transaction that made them true, and made until somebody has them."""

import asyncio
from datetime import timedelta

import pytest

from letterhead.mail import faults
from letterhead.mail.letter import Lane
from letterhead.mail.outcome import Deferred, Outcome, Sent, Status
from letterhead.mail.portal import Portal
from letterhead.mail.secret import Secret
from letterhead.mail.webhook import PATIENCE, Round
from letterhead.store.database import Database
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.vault import Vault
from letterhead.store.webhooks import Calls
from tests.store.conftest import KEY, NOW, MakeLetter
from tests.store.test_outbox import BUSY, LEASE, TAKEN, keep

URL = "https://hooks.hart.test/"
NEWER = Secret("OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def calls(database: Database, store: Store) -> Calls:
    return Calls(database, store.vault)


async def hook(store: Store, portal: Portal, *kinds: str) -> tuple[int, Secret]:
    async with store.portal(portal) as desk:
        return await desk.webhooks.add(URL, kinds, NOW)


async def sent(
    store: Store, portal: Portal, letter: MakeLetter, database: Database, count: int = 1
) -> None:
    """Let mail to so many be sent, and to one more be put off."""
    outbox = Outbox(database)
    await keep(store, portal, letter(count + 1, metadata={"order": "7"}))
    claims = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=count + 1, now=NOW)
    later = Deferred(BUSY, faults.of(BUSY), NOW + MINUTE)
    outcomes: list[Outcome] = [*[Sent(TAKEN, Status.SENT)] * count, later]
    await outbox.settle([(each, how, NOW) for each, how in zip(claims, outcomes, strict=True)])


async def only(calls: Calls, now: object = NOW) -> Round:
    (found,) = await calls.take(now, 20)  # type: ignore[arg-type]
    return found


async def test_what_happened_is_told_with_what_the_platform_said_of_it(
    store: Store, portal: Portal, letter: MakeLetter, database: Database, calls: Calls
) -> None:
    _, secret = await hook(store, portal)

    await sent(store, portal, letter, database)

    found = await only(calls)
    first, second = found.calls
    assert (found.url, found.secret) == (URL, secret)
    assert (first.kind, first.portal, first.fault) == ("sent", "hart", None)
    assert first.message is not None
    assert first.message["metadata"] == {"order": "7"}
    assert first.recipient is not None
    assert first.recipient["email"] == "client0@client.test"
    assert (second.kind, second.fault) == ("deferred", faults.of(BUSY).code)
    assert second.until == NOW + MINUTE


async def test_only_what_somebody_wants_to_know_is_kept(
    store: Store, portal: Portal, letter: MakeLetter, database: Database, calls: Calls
) -> None:
    async with store.platform() as rows:
        stranger = await rows.add_portal("other", "Other & Co", NOW)
    await hook(store, portal, "deferred")
    await hook(store, stranger)

    await sent(store, portal, letter, database, 3)

    found = await only(calls)
    assert [each.kind for each in found.calls] == ["deferred"]


async def test_what_no_worker_settles_is_told_too(
    store: Store, portal: Portal, letter: MakeLetter, database: Database, calls: Calls
) -> None:
    await hook(store, portal)
    outbox, later = Outbox(database), NOW + timedelta(days=6)
    unsure, old, unwanted = letter(), letter(), letter(expires=NOW + timedelta(days=9))
    await keep(store, portal, unsure)
    (claim,) = await outbox.claim((portal.id, Lane.LIVE), LEASE, limit=1, now=NOW)
    await outbox.mark_dot(claim)
    await keep(store, portal, old, unwanted)

    await outbox.free(later)
    await outbox.expire(later)
    async with store.portal(portal) as desk:
        await desk.messages.cancel(unwanted.id, later)
        await desk.messages.resolve(unsure.id, claim.id, Status.SENT, later)

    found = await only(calls, later)
    assert [(each.kind, each.fault) for each in found.calls] == [
        ("uncertain", "connection-lost"),
        ("failed", "expired"),
        ("cancelled", None),
        ("resolved", None),
    ]


async def test_a_round_is_one_worker_s(
    store: Store, portal: Portal, letter: MakeLetter, database: Database, calls: Calls
) -> None:
    await hook(store, portal)
    await sent(store, portal, letter, database)

    taken = await asyncio.gather(*(calls.take(NOW, 20) for _ in range(8)))

    assert sum(map(len, taken)) == 1
    assert await calls.take(NOW + timedelta(seconds=119), 20) == []
    assert len((await only(calls, NOW + 3 * MINUTE)).calls) == 2  # it died


async def test_what_was_told_is_forgotten_and_what_failed_is_told_later(
    store: Store, portal: Portal, letter: MakeLetter, database: Database, calls: Calls
) -> None:
    await hook(store, portal)
    await sent(store, portal, letter, database, 4)
    first = await only(calls)

    await calls.finish(first, {first.calls[0].id: "It answered 500."}, NOW)

    assert await calls.take(NOW + timedelta(seconds=4), 20) == []
    again = await only(calls, NOW + timedelta(seconds=6))
    assert [(each.name, each.attempts) for each in again.calls] == [(first.calls[0].name, 1)]
    assert again.failures == 0


async def test_a_receiver_that_takes_nothing_is_asked_with_one_call_ever_later(
    store: Store, portal: Portal, letter: MakeLetter, database: Database, calls: Calls
) -> None:
    await hook(store, portal)
    await sent(store, portal, letter, database, 9)
    first = await only(calls)
    await calls.finish(first, {each.id: "Nobody there." for each in first.calls}, NOW)

    probe = await only(calls, NOW + 10 * MINUTE)
    await calls.finish(probe, {probe.calls[0].id: "Still."}, NOW + 10 * MINUTE)
    too_early = await calls.take(NOW + 10 * MINUTE + timedelta(seconds=29), 20)
    async with store.look(portal) as desk:
        (row,) = await desk.webhooks.find()
    back = await only(calls, NOW + 11 * MINUTE)
    await calls.finish(back, {}, NOW + 11 * MINUTE)

    assert (len(first.calls), len(probe.calls), len(back.calls)) == (10, 1, 1)
    assert too_early == []
    assert (row.failures, row.error, row.waiting) == (2, "Still.", 10)
    assert len((await only(calls, NOW + 60 * MINUTE)).calls) == 9


async def test_what_nobody_took_for_three_days_is_given_up(
    store: Store, portal: Portal, letter: MakeLetter, database: Database, calls: Calls
) -> None:
    await hook(store, portal)
    await sent(store, portal, letter, database)

    found = await only(calls, NOW + PATIENCE + MINUTE)

    assert found.calls == []
    await calls.finish(found, {}, NOW + PATIENCE + MINUTE)
    assert await calls.take(NOW + 2 * PATIENCE, 20) == []


async def test_a_removed_one_is_told_nothing_any_more(
    store: Store, portal: Portal, letter: MakeLetter, database: Database, calls: Calls
) -> None:
    number, _ = await hook(store, portal)
    await sent(store, portal, letter, database)
    taken = await only(calls)
    async with store.platform() as rows:
        stranger = await rows.add_portal("other", "Other & Co", NOW)

    async with store.portal(stranger) as desk:
        of_others = await desk.webhooks.remove(number)
    async with store.portal(portal) as desk:
        removed = await desk.webhooks.remove(number)

    assert (of_others, removed) == (None, URL)
    await calls.finish(taken, {}, NOW)
    assert await calls.take(NOW + PATIENCE, 20) == []


async def test_secrets_are_sealed_anew_when_the_ring_is_turned(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    _, secret = await hook(store, portal)
    await sent(store, portal, letter, database)
    turned = Store(database, Vault(lambda: [NEWER, KEY]))

    outdated, done = await turned.outdated(), await turned.reseal()

    assert (outdated, done) == (["hart"], 1)
    after = Vault(lambda: [NEWER])
    assert await Store(database, after).problems(NOW) == []
    assert (await only(Calls(database, after))).secret == secret


async def test_without_its_key_health_is_red_and_no_call_is_made(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    await hook(store, portal)
    await sent(store, portal, letter, database)
    lost = Vault(lambda: [NEWER])

    assert await Store(database, lost).locked() == ["hart"]
    assert await Store(database, lost).problems(NOW) == [
        "Stored secrets whose key is not in the ring: 1."
    ]
    assert (await only(Calls(database, lost))).secret is None
