"""The pause that a server's words ask for."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import pause


@pytest.mark.parametrize(
    ("sentence", "seconds"),
    [
        ("greylisted, please try again in 300 seconds", 300),
        ("4.2.0 greylisted for 60 seconds", 60),
        ("greylisted for 5 minutes (see http://hart.test)", 300),
        ("greylisting in action, please come back in 00:05:00", 300),
        ("please come back in 4:59 (mm:ss)", 299),
        ("retry in 5 minutes", 300),
        ("retry after 90s.", 90),
        ("busy; retry-after: 120", 120),
        ("retry-after=30", 30),
        ("you talk too much. wait 10 mins", 600),
        ("please wait at least 2 hours before sending again", 7200),
        ("try again later, in about 1 hour", 3600),
        ("try again in an hour", 3600),
        ("reconnect in one minute", 60),
        ("connect again after 1 day", 86400),
        ("try again in 30 sec or ask us again in 2 hours", 30),
        ("try again in 0 seconds", 1),
        ("try again in 999999999 days", 86400),
    ],
)
def test_a_pause_is_read(sentence: str, seconds: int) -> None:
    assert pause.asked(sentence) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "sentence",
    [
        "try again later",
        "try again later, closing connection",
        "the limit of 500 messages in 24 hours is reached",
        "too many logins in the last 60 minutes",
        "we tried again and again, 5 times",
        "retry 3 times",
        "try again at 10:30",
        "try again in a few minutes",
        "try again in 5 parsecs",
        "wait",
        "retry-after",
        "",
    ],
)
def test_what_names_no_pause_asks_for_none(sentence: str) -> None:
    assert pause.asked(sentence) is None


words = st.sampled_from(
    [
        "try again",
        "retry-after",
        "in",
        "wait",
        "5",
        "00:10:00",
        "seconds",
        "an",
        "hour",
        ":",
        "later",
    ]
)


@given(st.lists(words | st.text(max_size=10)).map(" ".join))
def test_whatever_is_said_a_pause_is_between_a_second_and_a_day(sentence: str) -> None:
    found = pause.asked(sentence.casefold())

    assert found is None or timedelta(seconds=1) <= found <= timedelta(hours=24)
