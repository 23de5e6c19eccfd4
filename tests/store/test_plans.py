"""No query of the hot path looks at every row: what it asks is caught, and its plan is read."""

import itertools
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import Connection, Engine

from letterhead.mail import faults
from letterhead.mail.letter import Lane
from letterhead.mail.limits import Allowance, Limits
from letterhead.mail.outcome import Deferred, Failed, Outcome, Returned, Sent, Status
from letterhead.mail.portal import Portal, Principal
from letterhead.store import due
from letterhead.store.committer import Committer
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.history import History
from letterhead.store.outbox import Outbox
from letterhead.store.seats import SeatRows
from letterhead.store.store import Store
from tests.store.conftest import NOW, MakeLetter
from tests.store.test_outbox import BUSY, LEASE, TAKEN

MANY = 20_000  # rows; with fewer PostgreSQL rightly looks at them all
MAIL = ("recipient", "message", "body", "event", "suppression", "webhook_call", "tally_day")
PORTALS = ("portal", "settings", "key", "webhook", "allowance", "seats")

# The index of what is being sent holds nothing else: a look at all of it is a look at little.
WALKS = (
    r"Seq Scan on ({})\b",
    r"SCAN ({})\b(?! USING INDEX ix_recipient_leased)",
    r"Index (Only )?Scan using (?!ix_recipient_leased)\S+ on ({})\b.*\n(?!\s*Index Cond)",
    r"Scan using ix_recipient_waiting on ({})\b.*\n(?!.*portal_id)",
    r"USING (COVERING )?INDEX ix_recipient_waiting \(ANY",
)

Asked = tuple[str, Any]


@contextmanager
def caught(database: Database) -> Iterator[list[Asked]]:
    """Every statement that the store says meanwhile, with its values."""
    asked: list[Asked] = []

    def note(_c: Any, _u: Any, statement: str, values: Any, _x: Any, many: bool) -> None:  # noqa: FBT001
        asked.append((statement, values[0] if many else values))

    def trace(raw: Any, *_: object) -> None:
        raw.set_trace_callback(lambda statement: asked.append((statement, ())))

    def forget(raw: Any, *_: object) -> None:
        raw.set_trace_callback(None)

    threads = [*database._thread_engines.values()]
    engines = [each.sync_engine for each in database._engines.values()]
    with ExitStack() as ends:
        # In threads SQLite is asked without SQLAlchemy, so it tells itself.
        for engine in threads if not database.shared else []:
            ends.enter_context(heard(engine, "checkout", trace))
            ends.enter_context(heard(engine, "checkin", forget))
        for engine in [*threads, *engines] if database.shared else engines:
            ends.enter_context(heard(engine, "before_cursor_execute", note))
        yield asked


@contextmanager
def heard(engine: Engine, name: str, tell: Callable[..., None]) -> Iterator[None]:
    """Events of an engine, for as long as the body takes."""
    event.listen(engine, name, tell)
    yield
    event.remove(engine, name, tell)


async def test_no_query_of_a_message_looks_at_every_row(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    await fill(database)
    outbox, lane = Outbox(database), (portal.id, Lane.LIVE)
    under = Allowance(portal.id, 0, Limits(connections=3, per_minute=40))

    with caught(database) as asked:
        await accept(Committer(database), letter)
        await let_in(store, portal)
        for each in Lane:
            await Connections(database).route((portal.id, each), NOW)
        await sit(SeatRows(database, "a worker"), under)
        claims = await outbox.claim(lane, LEASE, limit=4, now=NOW, under=under)
        await outbox.contents([each.message_id for each in claims])
        await outbox.renew(LEASE[0], NOW)
        await outbox.mark_dot(claims[0])
        fault = faults.of(BUSY)
        outcomes: Sequence[Outcome] = (
            Sent(TAKEN, Status.SENT),
            Deferred(BUSY, fault, NOW),
            Failed(BUSY, fault),
            Returned(),
        )
        await outbox.settle(
            [(claim, how, NOW) for claim, how in zip(claims, outcomes, strict=True)]
        )

    plans = await explained(database, asked)
    assert len(plans) >= 30
    assert {each: plan for each, plan in plans.items() if walks(plan, *MAIL, *PORTALS)} == {}


async def test_no_query_of_the_sweep_looks_at_every_mail(
    portal: Portal, database: Database
) -> None:
    await fill(database)
    outbox = Outbox(database)

    with caught(database) as asked:
        await outbox.lanes_due(NOW)
        await outbox.due_among([(number, lane) for number in range(50) for lane in Lane], NOW)
        await outbox.free(NOW + timedelta(hours=1))
        await outbox.hasten(NOW)
        await outbox.expire(NOW)

    plans = await explained(database, asked)
    assert len(plans) >= 8
    assert {each: plan for each, plan in plans.items() if walks(plan, *MAIL, *PORTALS)} == {}


async def test_many_mails_of_one_portal_are_one_step_of_the_sweep(
    store: Store, portal: Portal, letter: MakeLetter, database: Database
) -> None:
    """No plan tells it: SQLite counts its instructions, PostgreSQL the rows that it reads."""
    async with store.portal(portal) as desk:
        for _ in range(20):
            await desk.letters.add(letter(100))
    await analyse(database)

    assert await database.reading(effort) < 1000


def effort(connection: Connection) -> int:
    """How much it takes to find the lanes where mail is due."""
    query = due.of_lanes(NOW).compile(connection, compile_kwargs={"literal_binds": True})
    if connection.dialect.name == "postgresql":
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF) {query}").scalars()
        return sum(int(each) for each in re.findall(r"actual rows=(\d+)", "\n".join(plan)))
    instructions = itertools.count()
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    driver.set_progress_handler(lambda: next(instructions) < 0, 1)
    connection.exec_driver_sql(str(query)).all()
    driver.set_progress_handler(None, 1)
    return next(instructions)


async def test_forgetting_a_part_looks_at_that_part(portal: Portal, database: Database) -> None:
    await fill(database)
    history = History(database, at_once=50)

    with caught(database) as asked:
        await history.forget_bodies(NOW)
        await history.forget_messages(NOW)
        await history.forget_counts(datetime(1970, 1, 10, tzinfo=UTC))
        await lay_down_and_tidy(database)

    plans = await explained(database, asked)
    assert len(plans) == (10 if database.segments else 7)
    assert {each: plan for each, plan in plans.items() if walks(plan, *MAIL)} == {}


async def lay_down_and_tidy(database: Database) -> None:
    """Where there are files of large bodies: one that is nearly empty."""
    if database.segments is None:
        return
    file = database.segments.folder / "a-file"
    file.parent.mkdir()
    file.write_bytes(b"x" * 1000)
    async with database.settle() as writing:
        words = "UPDATE body SET segment = 'a-file', start = 0, octets = 1 WHERE message_id = :id"
        await writing.execute(text(words), {"id": f"{MANY:032}"})
    await History(database).tidy(NOW)


async def accept(committer: Committer, letter: MakeLetter) -> None:
    """Messages with idempotency keys: one, many at once, and the same ones again."""
    few = [letter(idempotency_key="invoice-1", request_digest="one")]
    many = [letter(3, idempotency_key=f"order-{at}", request_digest="two") for at in range(20)]
    async with committer.at_work():
        for group in (few, many, many):
            await committer.add(group)


async def let_in(store: Store, portal: Portal) -> None:
    """Whose key it is, and which portal is meant."""
    await store.recognise("a key", NOW)
    await store.acting(Principal(None, frozenset()), portal.slug)
    await store.acting(Principal(portal.id, frozenset()), None)


async def sit(seats: SeatRows, under: Allowance) -> None:
    await seats.take(under, NOW, NOW + timedelta(minutes=1))
    await seats.keep(NOW, NOW + timedelta(minutes=1), [under.connection_id])
    await seats.give_back(under.connection_id, 1)
    await seats.give_back(under.connection_id, 0)


def walks(plan: str, *tables: str) -> bool:
    """Whether a plan goes through all of a large table, or all of one of its indexes."""
    found = "|".join(each.format("|".join(tables)) for each in WALKS)
    return bool(re.search(found, f"{plan}\n"))


async def explained(database: Database, asked: Sequence[Asked]) -> dict[str, str]:
    """How the database goes about each statement."""
    verbs = ("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")
    return {
        f"{statement} {values}": await database.settling(
            partial(_explained, statement=statement, values=values)
        )
        for statement, values in asked
        if statement.lstrip().startswith(verbs) and "set_config" not in statement
    }


def _explained(connection: Connection, statement: str, values: Any) -> str:
    words = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = connection.exec_driver_sql(f"{words} {statement}", values)
    return "\n".join(str(row[-1]) for row in rows)


async def fill(database: Database) -> None:
    """Write so many messages of a year, most of them sent, and so many portals."""
    async with database.settle() as writing:
        name = writing.dialect.name
        padded = {"sqlite": "printf('%032d', n)", "postgresql": "lpad(n::text, 32, '0')"}[name]
        for statement in ROWS:
            words = statement.format(numbers=NUMBERS, id=padded, many=MANY)
            await writing.execute(text(words), {"no": False, "none": b""})
    await analyse(database)


async def analyse(database: Database) -> None:
    """PostgreSQL looks by itself now and then how rows are spread; SQLite is never told to."""
    if database.shared:
        async with database.settle() as writing:
            await writing.execute(text("ANALYZE"))


NUMBERS = (
    f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})"  # noqa: S608 - ours
)
ROWS = (
    """INSERT INTO message (id, portal_id, class, created_at, subject, reply_to, metadata,
                            on_uncertain, header_id, size)
       {numbers} SELECT {id}, 1, 'business', n, 'Invoice', '[]', '{{}}', 'resend', '<1@a.test>', 9
       FROM numbers""",
    "INSERT INTO body (message_id, content) {numbers} SELECT {id}, '' FROM numbers",
    """INSERT INTO recipient (id, message_id, portal_id, lane, email, copy, status, due, expires,
                              attempts, dot_sent, lease_until)
       {numbers} SELECT {id}, {id}, 1, 'live', 'anna@client.test', :no,
                        CASE n % 100 WHEN 0 THEN 'queued' WHEN 1 THEN 'sending' ELSE 'sent' END,
                        n, 9000000000000000, 1, :no, 9000000000000000
       FROM numbers""",
    """INSERT INTO event (message_id, recipient_id, kind, at)
       {numbers} SELECT {id}, {id}, 'deferred', n FROM numbers""",
    """INSERT INTO suppression (portal_id, email, reason, at)
       {numbers} SELECT 1, {id}, 'bounce', n FROM numbers""",
    """INSERT INTO portal (id, slug, name, created_at, live_version)
       {numbers} SELECT n + 1, {id}, 'Hart', n, 1 FROM numbers""",
    """INSERT INTO settings (portal_id, version, type, fields, saved_at)
       {numbers} SELECT n + 1, 1, 'default', '{{}}', n FROM numbers""",
    """INSERT INTO key (id, portal_id, name, scopes, digest, created_at)
       {numbers} SELECT n + 1, n + 1, 'shop', '[]', {id}, n FROM numbers""",
    "INSERT INTO allowance (id, version, due) {numbers} SELECT n + 1, 1, n FROM numbers",
    """INSERT INTO seats (connection_id, worker, count, until)
       {numbers} SELECT n + 1, {id}, 1, n FROM numbers""",
    """INSERT INTO webhook (id, portal_id, url, events, sealed_secret, created_at, due)
       {numbers} SELECT n + {many}, n + 1, 'https://hart.test', '[]', :none, n, n FROM numbers""",
    """INSERT INTO webhook_call (id, webhook_id, portal_id, kind, at, due)
       {numbers} SELECT n + {many}, n + {many}, n + 1, 'sent', n, n FROM numbers""",
    """INSERT INTO tally_day (portal_id, day, accepted, sent, failed)
       {numbers} SELECT n + 1, n, 1, 1, 1 FROM numbers""",
)
