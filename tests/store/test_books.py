"""
The books balance: whatever happens, in whatever order, nobody is lost and nobody counts twice.

Accepted = sent + captured + failed + cancelled + suppressed + uncertain + held + sending + queued,
where what was sent may be reported delivered, bounced or complained of later, and what was
forgotten was over.
"""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from letterhead.actions import held
from letterhead.actions import settings as settings_of
from letterhead.errors import Unavailable
from letterhead.mail import faults, feedback
from letterhead.mail.letter import Addressee, Claim, Lane, Letter
from letterhead.mail.message import MessageClass, OnUncertain
from letterhead.mail.outcome import (
    Deferred,
    Failed,
    Outcome,
    Returned,
    Sent,
    Status,
    Stuck,
    Uncertain,
)
from letterhead.mail.portal import Ids
from letterhead.mail.reply import Break, Kind, Reply, Stage
from letterhead.mail.secret import Secret
from letterhead.mail.settings import KeepPassword, SmtpSettings
from letterhead.store.bodies import LARGE
from letterhead.store.committer import Committer
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.feedback import FeedbackRows
from letterhead.store.history import History
from letterhead.store.keys import new_key
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.tables import event, recipient
from letterhead.store.vault import Vault
from tests.conftest import migrated
from tests.mail.test_feedback import event as event_of_ses
from tests.servers.postgresql import PostgreSQL
from tests.store.conftest import NOW
from tests.store.hands import Hands

T = TypeVar("T")

TAKEN = Reply(Stage.MESSAGE, 250, "2.0.0 Queued")
UNKNOWN = Reply(Stage.RECIPIENT, 550, "5.1.1 User unknown")
SPAM = Reply(Stage.MESSAGE, 554, "5.7.1 Spam")
BUSY = Reply(Stage.RECIPIENT, 450, "4.2.1 Busy")
LOGIN = Reply(Stage.SIGN_IN, 535, "5.7.8 Bad credentials")
GONE = Break(Stage.MESSAGE, Kind.CLOSED, after_dot=True)
PEOPLE = tuple(f"{name}@client.test" for name in ("anna", "ben", "carl", "dora", "emil"))
FORM = SmtpSettings(
    server="smtp.hart.test",
    login="office@hart.test",
    password_set=True,
    from_address="office@hart.test",
)
HOW = ("sent", "captured", "unknown", "spam", "busy", "stuck", "gone")
CLASSES = st.sampled_from([MessageClass.BUSINESS, MessageClass.BUSINESS, MessageClass.SYSTEM])


Make = Callable[[], AbstractContextManager[str]]  # gives the URL of a migrated database


class Books(RuleBasedStateMachine):
    """A portal whose mail meets everything that may happen to it."""

    def __init__(self, make: Make, seen: set[str]) -> None:
        super().__init__()
        self.seen = seen
        self.loop = asyncio.new_event_loop()
        self.open = ExitStack()
        self.url = self.open.enter_context(make())
        self.now = NOW
        self.ids = Ids()
        self.ring = [new_key()]
        self.accepted: dict[str, str] = {}  # recipients, and how each stood when last looked at
        self.messages: list[str] = []
        self.contents: dict[str, bytes] = {}
        self.claims: list[Claim] = []
        self.leases = 0

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(what)

    @initialize()
    def begin(self) -> None:
        """Start with a row in every status, and with mail that waits."""
        self.run(self._begin())
        some = {PEOPLE[-1]}
        self.submit({*some, PEOPLE[0]}, MessageClass.BUSINESS, OnUncertain.HOLD)
        self.pause()
        self.release(1)  # one is held
        self.recover()
        for how in ("gone", "sent", "captured", "spam"):
            self.submit(some, MessageClass.BUSINESS, OnUncertain.HOLD)
            self.deliver(Lane.LIVE, how)
        self.suppress(PEOPLE[0], suppressed=True)
        self.submit({PEOPLE[0]}, MessageClass.BUSINESS, OnUncertain.RESEND)  # suppressed
        self.suppress(PEOPLE[0], suppressed=False)
        self.submit(some, MessageClass.SYSTEM, OnUncertain.RESEND)
        self.run(self._cancel(self.messages[-1]))
        for on_uncertain in OnUncertain:
            self.submit(set(PEOPLE), MessageClass.BUSINESS, on_uncertain)
        self.claim(Lane.LIVE, 1)  # sending

    async def _begin(self) -> None:
        self.database = Database(self.url)
        self.store = Store(self.database, Vault(lambda: self.ring))
        self.outbox, self.connections = Outbox(self.database), Connections(self.database)
        async with self.store.platform() as rows:
            self.portal = await rows.add_portal("hart", "Hart & Co", self.now)
        await self._go_live(Secret("secret"))

    async def _go_live(self, password: Secret | KeepPassword) -> None:
        async with self.store.portal(self.portal) as desk:
            version = await desk.settings.save(FORM, password, self.now)
            await desk.settings.go_live(version, self.now)
            await desk.settings.forget_next()
            await desk.connection.forget(self.now)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.loop.close()
        self.open.close()

    # ------------------------------------------------------------ what may happen

    @rule(
        to=st.sets(st.sampled_from(PEOPLE), min_size=1),
        kind=CLASSES,
        on_uncertain=st.sampled_from(list(OnUncertain)),
        large=st.booleans(),
        handed_over=st.booleans(),
    )
    def submit(
        self,
        to: set[str],
        kind: MessageClass,
        on_uncertain: OnUncertain,
        *,
        large: bool = False,
        handed_over: bool = False,
    ) -> None:
        letter = Letter(
            id=self.ids.new(self.now),
            portal_id=self.portal.id,
            message_class=kind,
            created_at=self.now,
            due=self.now,
            expires=self.now + timedelta(days=5),
            subject="Invoice",
            from_name=None,
            reply_to=(),
            metadata={},
            on_uncertain=on_uncertain,
            header_id="<1@hart.test>",
            content=b"Subject: Invoice\r\n\r\n" + b"Dear Anna\r\n" * (LARGE // 10 if large else 1),
            addressees=tuple(Addressee(self.ids.new(self.now), each) for each in sorted(to)),
        )

        self.run(self._keep(letter, handed_over=handed_over))
        self.messages.append(letter.id)
        self.contents[letter.id] = letter.content
        self.accepted |= {each.id: "" for each in letter.addressees}

    async def _keep(self, letter: Letter, *, handed_over: bool) -> None:
        self.leases += 1
        hands = Hands((f"lease {self.leases}", self.now + timedelta(minutes=1)), self.now)
        committer = Committer(self.database, hands=hands if handed_over else None)
        async with committer.at_work():
            await committer.add([letter])
        self.claims += [claim for begun in hands.begun for claim in begun.claims]

    @rule(lane=st.sampled_from([Lane.LIVE, Lane.LIVE, Lane.SYSTEM]), limit=st.integers(1, 3))
    def claim(self, lane: Lane, limit: int) -> None:
        self.leases += 1
        lease = (f"lease {self.leases}", self.now + timedelta(minutes=1))
        key = (self.portal.id, lane)
        self.claims += self.run(self.outbox.claim(key, lease, limit=limit, now=self.now))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), how=st.sampled_from(HOW))
    def settle(self, data: st.DataObject, how: str) -> None:
        self._settle(self.claims.pop(data.draw(st.integers(0, len(self.claims) - 1))), how)

    @rule(lane=st.sampled_from([Lane.LIVE, Lane.SYSTEM]), how=st.sampled_from(HOW))
    def deliver(self, lane: Lane, how: str) -> None:
        """A worker claims, and settles at once."""
        before = len(self.claims)
        self.claim(lane, 1)
        for claim in self.claims[before:]:
            self.claims.remove(claim)
            self._settle(claim, how)

    @rule(lane=st.sampled_from([Lane.LIVE, Lane.SYSTEM]), how=st.sampled_from(["spam", "busy"]))
    def stall(self, lane: Lane, how: str) -> None:
        """A worker claims, is stopped for longer than its lease, and then goes on."""
        self.claim(lane, 1)
        stalled = self.claims[-1:]
        self.clock(2)
        self.claim(lane, 1)
        for claim in stalled:
            self.claims.remove(claim)
            self._settle(claim, how)

    def _settle(self, claim: Claim, how: str) -> None:
        if how in {"sent", "captured", "gone"} and not self.run(self.outbox.mark_dot(claim)):
            return  # its lease has gone: the final dot is not sent
        before = self.run(self._traces(claim.id))
        held_it = before[0] is not None and before[0].lease == claim.lease
        self.run(self.outbox.settle([(claim, self._outcome(how, claim), self.now)]))
        assert held_it or self.run(self._traces(claim.id)) == before, "a lost lease left a trace"

    def _outcome(self, how: str, claim: Claim) -> Outcome:
        later = self.now + timedelta(minutes=1)
        outcomes: dict[str, Outcome] = {
            "sent": Sent(TAKEN, Status.SENT),
            "captured": Sent(TAKEN, Status.CAPTURED),
            "unknown": Failed(UNKNOWN, faults.of(UNKNOWN)),
            "spam": Failed(SPAM, faults.of(SPAM)),
            "busy": Deferred(BUSY, faults.of(BUSY), later),
            "gone": Uncertain(GONE, faults.of(GONE), later if claim.resend else None),
            "stuck": Stuck(LOGIN, faults.of(LOGIN)),
        }
        return outcomes[how]

    @precondition(lambda self: self.claims)
    @rule()
    def give_back(self) -> None:
        claim = self.claims.pop()
        self.run(self.outbox.settle([(claim, Returned(), self.now)]))

    @precondition(lambda self: self.claims)
    @rule()
    def announce_the_dot(self) -> None:
        self.run(self.outbox.mark_dot(self.claims[-1]))

    @rule()
    def crash(self) -> None:
        """The service dies, and comes back as the only one."""
        self.claims.clear()
        if self.database.segments:
            self.database.segments.close()
        while self.run(self.outbox.free(self.now, everything=True)):
            pass

    @rule(minutes=st.sampled_from([-60, 1, 5, 60, 24 * 60, 6 * 24 * 60]))
    def clock(self, minutes: int) -> None:
        """Time goes by, or jumps; claims may outlive their leases."""
        self.now += timedelta(minutes=minutes)
        self.run(self.outbox.free(self.now))
        expired = self.run(self.outbox.expire(self.now))
        assert not expired or not self.run(self._is_paused()), "gave up what was held"

    @rule()
    def pause(self) -> None:
        self.run(self._fail())

    async def _fail(self) -> None:
        route = await self.connections.route((self.portal.id, Lane.LIVE), self.now)
        assert route is not None
        await self.connections.failed(route, Stuck(LOGIN, faults.of(LOGIN)), self.now)

    @rule()
    def hold_for_days(self) -> None:
        self.pause()
        self.clock(6 * 24 * 60)

    @rule()
    def recover(self) -> None:
        self.run(self._recover())

    async def _recover(self) -> None:
        route = await self.connections.route((self.portal.id, Lane.LIVE), self.now)
        assert route is not None
        await self.connections.recovered(route, self.now)

    @rule()
    def resume(self) -> None:
        async def change() -> None:
            async with self.store.portal(self.portal) as desk:
                await settings_of.resume(desk, self.now)

        self.run(change())

    @rule(enabled=st.booleans())
    def fall_back(self, *, enabled: bool) -> None:
        async def change() -> None:
            async with self.store.portal(self.portal) as desk:
                await desk.connection.fall_back(enabled=enabled)

        self.run(change())

    @rule(limit=st.sampled_from([None, 1, 2]))
    def release(self, limit: int | None) -> None:
        async def change() -> None:
            async with self.store.portal(self.portal) as desk:
                await held.release(desk, limit, self.now)

        self.run(change())

    @rule(limit=st.sampled_from([None, 1, 1, 1]))
    def discard(self, limit: int | None) -> None:
        self.run(held.discard(self.store, self.portal, limit, self.now))

    @rule()
    def edit(self) -> None:
        self.run(self._go_live(KeepPassword()))

    @rule()
    def turn_the_key(self) -> None:
        self.ring = [new_key(), *self.ring][:2]
        self.run(self.store.reseal())

    @precondition(lambda self: self.messages)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.run(self._cancel(data.draw(st.sampled_from(self.messages))))

    async def _cancel(self, message_id: str) -> None:
        async with self.store.portal(self.portal) as desk:
            await desk.messages.cancel(message_id, self.now)

    @precondition(lambda self: self.accepted)
    @rule(data=st.data(), kind=st.sampled_from(["Delivery", "Bounce", "Complaint"]))
    def report(self, data: st.DataObject, kind: str) -> None:
        """Amazon SES says what became of a mail, in whatever order."""
        key = data.draw(st.sampled_from(sorted(self.accepted)))
        found = feedback.read(event_of_ses(kind, key))
        assert found
        before = self.accepted[key]
        try:
            kept = self.run(FeedbackRows(self.database).keep(found))
        except Unavailable:
            assert before == "sending"
            return
        if kept is not None and before:
            self.accepted[key] = found.follows(Status(before)).value

    @rule(status=st.sampled_from([Status.SENT, Status.QUEUED]))
    def resolve(self, status: Status) -> None:
        self.run(self._resolve(status))

    async def _resolve(self, status: Status) -> None:
        unsure = [key for key, found in self.accepted.items() if found == "uncertain"]
        async with self.store.portal(self.portal) as desk:
            for message_id in self.messages:
                for each in unsure[:1]:
                    await desk.messages.resolve(message_id, each, status, self.now)

    @rule(email=st.sampled_from(PEOPLE[:2]), suppressed=st.booleans())
    def suppress(self, email: str, *, suppressed: bool) -> None:
        async def change() -> None:
            async with self.store.portal(self.portal) as desk:
                if suppressed:
                    await desk.suppressions.add(email, self.now)
                else:
                    await desk.suppressions.remove(email)

        self.run(change())

    @rule(days=st.sampled_from([0, 7]))
    def purge(self, days: int) -> None:
        history, before = History(self.database), self.now - timedelta(days=days)
        self.run(history.forget_bodies(before))
        self.run(history.forget_messages(before))
        self.run(history.tidy(before))

    # ------------------------------------------------------------ what must hold

    @invariant()
    def the_books_balance(self) -> None:
        rows = {row.id: row for row in self.run(self._rows())}
        assert rows.keys() <= self.accepted.keys()
        for key, before in list(self.accepted.items()):
            if key not in rows:
                assert before, "forgotten before it was looked at"
                assert not Status(before).is_open, f"forgotten while {before}"
                del self.accepted[key]
                continue
            row = rows[key]
            status = Status(row.status)
            settled = before and not Status(before).is_open
            assert not settled or status.value == before, f"{before} became {status}"
            assert (row.lease is not None) is (status is Status.SENDING)
            assert (row.held_at is not None) is (status is Status.HELD)
            assert status.is_open or row.settled_at is not None
            assert row.attempts >= 0
            self.accepted[key] = status.value
            self.seen.add(status.value)

    @invariant()
    def the_password_can_be_opened(self) -> None:
        assert self.run(self.store.locked()) == []

    @invariant()
    def bodies_are_whole(self) -> None:
        """Where anybody may still get a message, its body is there; no other body is."""
        found = self.run(self.outbox.contents(self.messages))
        waited_for = {
            row.message_id for row in self.run(self._rows()) if Status(row.status).is_open
        }
        assert waited_for <= found.keys()
        assert found.items() <= self.contents.items()

    async def _is_paused(self) -> bool:
        async with self.store.look(self.portal) as desk:
            found = await desk.connection.trouble()
        return found is not None and found[0].paused

    async def _traces(self, key: str) -> tuple[Any, Any]:
        """A recipient's row, or None, and its events."""
        row = next((row for row in await self._rows() if row.id == key), None)
        async with self.database.read() as reading:
            found = select(event.c.id).where(event.c.recipient_id == key)
            return row, (await reading.execute(found)).all()

    async def _rows(self) -> Any:
        async with self.database.read() as reading:
            return (await reading.execute(select(recipient))).all()


@pytest.fixture(params=["sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes databases."""
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgres")
        return partial(server.database, "migrated")
    template = tmp_path / "template.db"
    asyncio.run(migrated(f"sqlite:///{template}"))

    @contextmanager
    def copied() -> Iterator[str]:
        copy = tmp_path / "letterhead.db"
        shutil.copy(template, copy)
        yield f"sqlite:///{copy}"
        for each in tmp_path.glob("letterhead.db-*/*"):
            each.unlink()
        for each in tmp_path.glob("letterhead.db*"):
            each.rmdir() if each.is_dir() else each.unlink()

    return copied


ROUNDS = 4  # at most: one that comes by every status is enough


def test_the_books_balance(make: Make) -> None:
    every, seen = {each.value for each in Status}, set[str]()

    for _ in range(ROUNDS):
        run_state_machine_as_test(
            lambda: Books(make, seen),  # type: ignore[arg-type] # a factory will do
            settings=settings(
                max_examples=40,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            ),
        )
        if seen == every:
            break

    assert seen == every
