"""What becomes of a recipient after an attempt."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import faults, outcome, reply, retry
from letterhead.mail.faults import Repair
from letterhead.mail.outcome import (
    Attempt,
    Deferred,
    Failed,
    Outcome,
    Returned,
    Sent,
    Status,
    Stuck,
    Uncertain,
)
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage
from tests.bad_inputs import rows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = Attempt("key", 1, resend=True)
HELD = Attempt("key", 1, resend=False)
LATER = retry.next_attempt(1, now=NOW, key="key")
REPLIES = {row.id: row for row in rows("smtp_reply")}

answers = st.one_of(
    st.builds(
        Reply, st.sampled_from(Stage), st.integers(200, 599), st.sampled_from(["", "5.7.9 x"])
    ),
    st.builds(Break, st.sampled_from(Stage), st.sampled_from(Kind), after_dot=st.booleans()),
)


def judged(answer: Answer, attempt: Attempt = FIRST) -> Outcome:
    return outcome.judge(answer, attempt, now=NOW)


@pytest.mark.parametrize(
    ("captured", "status"), [(False, Status.SENT), (True, Status.CAPTURED)], ids=["sent", "kept"]
)
def test_what_is_taken_is_sent_or_captured(*, captured: bool, status: Status) -> None:
    taken = Reply(Stage.MESSAGE, 250, "2.0.0 Queued", captured)

    assert judged(taken) == Sent(taken, status)


@pytest.mark.parametrize(
    ("id_", "stage", "expect", "kind"),
    [
        ("smtp_reply-009", Stage.RECIPIENT, "temp", Deferred),
        ("smtp_reply-011", Stage.RECIPIENT, "temp_split", Deferred),
        ("smtp_reply-013", Stage.SIGN_IN, "pause_connection_keep_mail", Stuck),
        ("smtp_reply-015", Stage.MESSAGE, "perm_config_error", Stuck),
        ("smtp_reply-017", Stage.MESSAGE, "perm_no_retry", Failed),
    ],
)
def test_what_servers_answer_becomes_what_is_expected(
    id_: str, stage: Stage, expect: str, kind: type[Outcome]
) -> None:
    answer = reply.read_reply(REPLIES[id_].octets.decode(), stage)

    assert answer is not None
    assert REPLIES[id_].expect == expect
    assert isinstance(judged(answer), kind)


def test_what_must_be_mended_by_a_person_pauses_the_connection() -> None:
    found = judged(Reply(Stage.SIGN_IN, 535, "5.7.8 Bad credentials"))

    assert isinstance(found, Stuck)
    assert found.fault.pauses


QUOTA = Reply(Stage.MESSAGE, 550, "5.4.5 Daily user sending limit exceeded.")
CROWDED = Reply(Stage.MESSAGE, 432, "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded")
LOGIN = Reply(Stage.SIGN_IN, 535, "5.7.8 Bad credentials")
BUSY = Reply(Stage.CONNECT, 421, "4.3.2 Service not available")


def stuck(answer: Answer, provider: str = "") -> Stuck:
    found = outcome.judge(answer, FIRST, now=NOW, provider=provider)
    assert isinstance(found, Stuck)
    return found


def pause(found: Stuck, failures: int = 1, *, paused: bool = False, key: str = "7") -> timedelta:
    return found.due(failures, now=NOW, paused=paused, key=key) - NOW


def test_a_quota_holds_the_connection_for_its_time_and_never_longer_each_time() -> None:
    found = stuck(QUOTA, "gmail")

    assert (found.fault.retry, found.fault.pauses) == (Repair.WINDOW, False)
    assert [pause(found, failures) for failures in (1, 2, 99)] == [timedelta(hours=3)] * 3


def test_a_window_is_no_longer_than_it_is_however_often_it_was_met() -> None:
    window = replace(
        faults.by_code("recipient-gets-too-much"),
        retry=Repair.WINDOW,
        hold=timedelta(minutes=2),
    )

    connection = Stuck(BUSY, replace(window, scope="account"))
    recipient = outcome._unsent(BUSY, window, NOW + timedelta(hours=3), now=NOW)

    assert pause(connection, 99) == timedelta(minutes=2)
    assert recipient == Deferred(BUSY, window, NOW + timedelta(minutes=2))


def test_the_provider_tells_what_its_server_means() -> None:
    limit = Reply(Stage.MESSAGE, 554, "5.2.2 mailbox full")

    ours = outcome.judge(limit, FIRST, now=NOW, provider="microsoft365")
    theirs = outcome.judge(limit, FIRST, now=NOW, provider="other")

    assert isinstance(ours, Stuck)
    assert isinstance(theirs, Deferred)
    assert theirs.until == NOW + timedelta(hours=1)


def test_those_who_crowded_each_other_out_do_not_all_come_back_at_once() -> None:
    found = stuck(CROWDED, "microsoft365")

    pauses = {pause(found, key=str(connection)) for connection in range(100)}

    assert len(pauses) == 100
    assert timedelta(seconds=30) <= min(pauses) < timedelta(seconds=35)
    assert timedelta(seconds=55) < max(pauses) <= timedelta(seconds=60)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 15), (2, 60), (3, 180), (4, 300)])
def test_a_busy_server_is_tried_again_soon(failures: int, seconds: int) -> None:
    assert pause(stuck(BUSY), failures) == timedelta(seconds=seconds)


def test_what_needs_its_time_has_it_and_more_when_it_goes_on() -> None:
    logins = Reply(Stage.SIGN_IN, 454, "4.7.0 Too many login attempts")

    found = stuck(logins, "gmail")

    assert [pause(found, failures) for failures in (1, 9)] == [timedelta(minutes=30)] * 2


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("in 20 seconds", 20), ("in 2 hours", 7200), ("in 0 seconds", 1), ("in 9999 days", 86400)],
)
def test_a_delay_that_the_server_names_is_obeyed(said: str, seconds: int) -> None:
    recipient = Reply(Stage.RECIPIENT, 450, f"4.2.0 Greylisted, try again {said}")
    connection = Reply(Stage.SENDER, 451, f"4.7.1 Too much; try again {said}")
    quota = replace(QUOTA, text=f"{QUOTA.text} Retry {said}")

    deferred = judged(recipient, Attempt("key", 5, resend=True))

    assert isinstance(deferred, Deferred)
    assert deferred.until == NOW + timedelta(seconds=seconds)
    assert pause(stuck(connection), 4) == timedelta(seconds=seconds)
    assert pause(stuck(quota, "gmail")) == timedelta(seconds=seconds)


def test_no_server_talks_us_into_signing_in_more_often_than_accounts_can_take() -> None:
    soon = stuck(replace(LOGIN, text="5.7.8 Wrong, try again in 5 seconds"))
    late = stuck(replace(LOGIN, text="5.7.8 Locked, try again in 30 minutes"))

    assert pause(soon, paused=True) == timedelta(minutes=5)
    assert pause(late, paused=True) == timedelta(minutes=30)
    assert pause(stuck(QUOTA, "gmail"), paused=True) == timedelta(hours=3)


@pytest.mark.parametrize("kind", [Kind.CLOSED, Kind.PROTOCOL, Kind.TIMED_OUT])
def test_a_login_without_an_answer_is_not_tried_more_often_than_a_refused_one(kind: Kind) -> None:
    signing_in, before = Break(Stage.SIGN_IN, kind), Break(Stage.ENCRYPT, kind)

    pauses = [pause(stuck(signing_in), failures) for failures in (1, 2, 5)]

    assert pauses == [timedelta(minutes=minutes) for minutes in (5, 10, 60)]
    assert pause(stuck(before)) == timedelta(seconds=15)


def test_a_refusal_for_ever_stays_one_whatever_delay_it_names() -> None:
    found = judged(Reply(Stage.RECIPIENT, 550, "5.1.1 User unknown, do not retry in 5 minutes"))

    assert isinstance(found, Failed)


@pytest.mark.parametrize("fault", faults.every(), ids=lambda fault: fault.code)
def test_no_fault_makes_a_connection_wait_for_ever_or_not_at_all(fault: faults.Fault) -> None:
    found = Stuck(BUSY, fault)

    for failures in (1, 5, 100):
        assert timedelta(seconds=1) <= pause(found, failures) <= timedelta(hours=24)


def test_a_connection_that_breaks_before_the_dot_is_tried_again() -> None:
    found = judged(Break(Stage.MESSAGE, Kind.CLOSED))

    assert isinstance(found, Deferred)
    assert found.until == LATER


def test_after_the_dot_nobody_knows_and_the_message_says_what_to_do() -> None:
    lost = Break(Stage.MESSAGE, Kind.TIMED_OUT, after_dot=True)

    resent, held = judged(lost), judged(lost, HELD)

    assert isinstance(resent, Uncertain)
    assert isinstance(held, Uncertain)
    assert (resent.until, held.until) == (LATER, None)


def test_a_lease_that_was_over_leaves_everything_as_it_was() -> None:
    assert judged(Break(Stage.MESSAGE, Kind.STALE)) == Returned()


@given(answers, st.builds(Attempt, st.text(max_size=5), st.integers(1, 99), resend=st.booleans()))
def test_whatever_is_answered_no_mail_is_lost_or_sent_at_once_again(
    answer: Answer, attempt: Attempt
) -> None:
    found = judged(answer, attempt)

    assert isinstance(found, Sent) == (isinstance(answer, Reply) and answer.positive)
    assert not isinstance(found, Failed) or (isinstance(answer, Reply) and answer.code >= 500)
    if isinstance(found, Deferred | Uncertain) and found.until:
        assert found.until > NOW
    if isinstance(found, Stuck):
        assert found.fault.retry is not Repair.NO
