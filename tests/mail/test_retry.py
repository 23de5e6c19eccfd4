"""When to try again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import retry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

attempts = st.integers(1, 10_000)
keys = st.text(max_size=30)


@pytest.mark.parametrize(
    ("attempt", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 60), (5, 180), (6, 180), (999, 180)]
)
def test_the_pauses_grow_and_then_stay(attempt: int, minutes: int) -> None:
    pause = retry.next_attempt(attempt, now=NOW, key="a") - NOW

    assert timedelta(minutes=minutes) <= pause <= timedelta(minutes=minutes) * 1.2


@given(attempts, keys)
def test_no_pause_is_shorter_than_the_one_before(attempt: int, key: str) -> None:
    before = retry.next_attempt(attempt, now=NOW, key=key)
    after = retry.next_attempt(attempt + 1, now=NOW, key=key)

    assert NOW < before <= after


def test_keys_are_scattered_and_each_comes_back_at_its_own_time() -> None:
    times = {retry.next_attempt(5, now=NOW, key=f"key {at}") for at in range(100)}

    assert len(times) == 100
    assert max(times) - min(times) > timedelta(minutes=30)
    assert retry.next_attempt(5, now=NOW, key="key 7") in times


@pytest.mark.parametrize(("failures", "seconds"), [(1, 15), (2, 60), (3, 180), (4, 300), (99, 300)])
def test_a_connection_that_fails_is_tried_soon_again(failures: int, seconds: int) -> None:
    due = retry.next_connection(failures, now=NOW, gently=False)

    assert due == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 10), (5, 60), (99, 60)])
def test_a_paused_connection_signs_in_so_seldom_that_no_account_locks(
    failures: int, minutes: int
) -> None:
    due = retry.next_connection(failures, now=NOW, gently=True)

    assert due == NOW + timedelta(minutes=minutes)


def test_a_person_has_a_connection_tried_at_once_and_then_as_seldom_as_an_account_can_take() -> (
    None
):
    first = retry.by_a_person(None, now=NOW)
    again = retry.by_a_person(first, now=NOW + timedelta(seconds=1))
    late = retry.by_a_person(again, now=NOW + timedelta(hours=1))

    assert first == NOW
    assert again == NOW + timedelta(minutes=5)
    assert late == NOW + timedelta(hours=1)


@given(keys, st.integers(1, 86_400))
def test_what_is_scattered_is_never_early_and_at_most_twice_as_late(key: str, wait: int) -> None:
    due = NOW + timedelta(seconds=wait)

    found = retry.scattered(due, now=NOW, key=key)

    assert due <= found <= due + timedelta(seconds=wait)


def test_a_recipient_is_tried_often_enough_within_the_patience() -> None:
    due, attempt = NOW, 0

    while due - NOW < retry.PATIENCE:
        attempt += 1
        due = retry.next_attempt(attempt, now=due, key="a")

    assert 30 < attempt < 60
