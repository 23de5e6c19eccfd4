"""In which language and by which clock somebody is spoken to."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import Request

from letterhead.web.speech import Speech, speech_of

AT = datetime(2026, 3, 12, 23, 30, tzinfo=UTC)


def asked(**headers: str) -> Speech:
    raw = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return speech_of(Request({"type": "http", "method": "GET", "path": "/", "headers": raw}))


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"accept_language": "de"}, "de"),
        ({"accept_language": "de-AT,de;q=0.9,en;q=0.8"}, "de"),
        ({"accept_language": "en;q=0.3, de;q=0.7"}, "de"),
        ({"accept_language": "fr, en;q=0.5, de;q=0.4"}, "en"),
        ({"accept_language": "de;q=0"}, "en"),
        ({"accept_language": "de;q=much, *"}, "en"),
        ({"accept_language": "de", "cookie": "language=en"}, "en"),
        ({"accept_language": "de", "cookie": "language=../de"}, "de"),
    ],
)
def test_the_language_is_the_one_chosen_else_the_one_asked_for(
    headers: Mapping[str, str], language: str
) -> None:
    assert asked(**headers).language == language


@pytest.mark.parametrize(
    ("speech", "words"),
    [
        (asked(), "12 March 2026, 23:30 UTC"),
        (asked(cookie="zone=Europe/Berlin"), "13 March 2026, 00:30"),
        (asked(cookie="zone=Europe/Berlin; language=de"), "13. März 2026, 00:30"),
        (asked(cookie="zone=America/New_York"), "12 March 2026, 19:30"),
        (asked(cookie="zone=../../etc/passwd"), "12 March 2026, 23:30 UTC"),
    ],
)
def test_times_are_those_of_the_readers_clock(speech: Speech, words: str) -> None:
    assert speech.moment(AT) == words


def test_how_long_ago() -> None:
    assert Speech().ago(AT, AT + timedelta(days=3, hours=2)) == "3 days ago"
    assert Speech("de").ago(AT, AT + timedelta(days=3, hours=2)) == "vor 3 Tagen"


def test_a_day_begins_at_the_readers_midnight() -> None:
    berlin = asked(cookie="zone=Europe/Berlin")

    # The day on which the clocks are put forward has 23 hours.
    assert berlin.midnight("2026-03-29") == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert berlin.midnight("2026-03-29", after=1) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert Speech().midnight("2026-03-29") == datetime(2026, 3, 29, tzinfo=UTC)


@pytest.mark.parametrize("day", ["", "yesterday", "2026-02-30", "9999-12-31"])
def test_what_is_no_day_has_no_midnight(day: str) -> None:
    assert Speech().midnight(day, after=1) is None
