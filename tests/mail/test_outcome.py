"""What becomes of a recipient after an attempt."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import outcome, reply, retry
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
