"""A pace is kept in every stretch of its period, and a rested connection is not slow."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail.limits import DAY, MINUTE, Limits, Pace

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MICROSOFT = Pace(30, MINUTE)

paces = st.builds(Pace, st.integers(1, 100), st.sampled_from([timedelta(seconds=1), MINUTE, DAY]))
# What somebody asks for, and how many thousandths of the period later the next one comes.
asks = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 400)), max_size=80)


@given(paces, asks)
def test_no_stretch_of_a_period_holds_more_than_the_pace(
    pace: Pace, asked: list[tuple[int, int]]
) -> None:
    used, now, sent = None, NOW, list[datetime]()
    for wanted, pause in asked:
        count = min(wanted, pace.spare(used, now))
        used = pace.after(count, used, now)
        sent += [now] * count
        now += pace.period * pause / 1000

    for at in sent:
        assert sum(at <= each < at + pace.period for each in sent) <= pace.count


def test_a_rested_connection_takes_a_quarter_at_once_and_the_rest_in_time() -> None:
    used = MICROSOFT.after(MICROSOFT.spare(None, NOW), None, NOW)

    assert MICROSOFT.spare(None, NOW) == 7
    assert MICROSOFT.spare(used, NOW) == 0
    assert MICROSOFT.free(used) == NOW + timedelta(seconds=2.5)
    assert MICROSOFT.spare(used, NOW + timedelta(seconds=2.5)) == 1
    assert MICROSOFT.spare(used, NOW + MINUTE) == 7


@given(paces, st.integers(0, 200))
def test_one_may_go_as_soon_as_it_is_said_and_no_sooner(pace: Pace, count: int) -> None:
    used = pace.after(count, None, NOW)
    free = pace.free(used)

    assert pace.spare(used, free) >= 1
    assert pace.spare(used, free - timedelta.resolution) <= pace.spare(used, free)
    assert free <= NOW or pace.spare(used, free - timedelta.resolution) == 0


@pytest.mark.parametrize(
    ("limits", "paces"),
    [
        (Limits(connections=3), (None, None)),
        (Limits(connections=3, per_minute=30), (MICROSOFT, None)),
        (Limits(connections=3, per_day=500), (None, Pace(500, DAY))),
    ],
)
def test_what_is_not_limited_has_no_pace(limits: Limits, paces: tuple[object, ...]) -> None:
    assert limits.paces == paces
    assert limits.paced is any(paces)
