"""Portals, who may ask for what, and ids."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import portal
from letterhead.mail.portal import NAME_LIMIT, Ids, Principal, Scope
from tests.bad_inputs import Row, rows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = Principal(7, frozenset({Scope.SEND}))
PLATFORM = Principal(None, frozenset())


def test_a_key_may_do_what_its_scopes_say_and_the_platform_everything() -> None:
    assert [KEY.may(scope) for scope in Scope] == [True, False, False, False]
    assert [PLATFORM.may(scope) for scope in Scope] == [True] * 4
    assert (KEY.is_platform, PLATFORM.is_platform) == (False, True)


@pytest.mark.parametrize("slug", ["a", "firm-7", "0", "a" * 64, "a--b"])
def test_slugs_are_of_small_letters_digits_and_dashes(slug: str) -> None:
    assert portal.portal_problems(slug, "Firm") == []


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a.b", "a/b", "é", "a" * 65, "a\n"])
def test_other_slugs_are_refused(slug: str) -> None:
    found = portal.portal_problems(slug, "Firm")

    assert [each.field for each in found] == ["slug"]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        *(("Firm & Söhne", []), ("a" * NAME_LIMIT, []), ("", ["required"]), (" ", ["required"])),
        *(("a" * (NAME_LIMIT + 1), ["too_long"]), ("a\nb", ["invalid"]), ("\ud800", ["invalid"])),
    ],
)
def test_a_portal_has_a_name_that_a_mail_can_show(name: str, codes: list[str]) -> None:
    assert [each.code for each in portal.name_problems(name)] == codes


@pytest.mark.parametrize("row", [row for row in rows("header_value") if row.is_rejected], ids=str)
def test_names_that_could_become_fields_are_refused(row: Row) -> None:
    assert portal.name_problems(row.text)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=50))
def test_ids_sort_and_never_repeat_even_if_the_clock_goes_back(steps: list[int]) -> None:
    ids, now, given_out = Ids(), NOW, []

    for step in steps:
        now += timedelta(milliseconds=step)
        given_out.append(ids.new(now))

    assert given_out == sorted(set(given_out))


def test_ids_sort_and_never_repeat_beyond_what_a_millisecond_counts() -> None:
    ids = Ids()

    given_out = [ids.new(NOW) for _ in range(10_000)]

    assert given_out == sorted(set(given_out))


def test_ids_of_two_processes_do_not_meet() -> None:
    one, other = Ids(), Ids()

    assert not {one.new(NOW) for _ in range(100)} & {other.new(NOW) for _ in range(100)}


@given(st.datetimes(datetime(1980, 1, 1), datetime(2500, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_id_is_a_uuid_of_version_7_that_holds_the_time(now: datetime) -> None:
    found = UUID(Ids().new(now))

    assert (found.version, found.variant) == (7, "specified in RFC 4122")
    assert found.int >> 80 == int(now.timestamp() * 1000)
