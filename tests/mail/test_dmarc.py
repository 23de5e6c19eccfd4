"""DMARC policies: where they stand, what they mean, and what to publish where there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import dkim, dmarc, receivers, spf
from letterhead.mail.dmarc import State

HART = "hart.test"


@pytest.mark.parametrize(
    ("record", "state", "policy"),
    [
        ("v=DMARC1; p=none", State.PRESENT, "none"),
        ("v=DMARC1;p=quarantine; rua=mailto:d@hart.test; pct=50;", State.PRESENT, "quarantine"),
        ("v=DMARC1; p=REJECT; adkim=s; aspf=r", State.PRESENT, "reject"),
        ("v=DMARC1; sp=none", State.INVALID, None),
        ("v=DMARC1; p=nothing", State.INVALID, None),
        ("p=none; v=DMARC1", State.INVALID, None),
        ("v=DMARC1; p=none; p=reject", State.INVALID, None),
        ("v=DMARC1, p=none", State.INVALID, None),
        ("v=dmarc1; p=none", State.INVALID, None),
    ],
)
def test_a_record_is_judged(record: str, state: State, policy: str | None) -> None:
    found = dmarc.judge(HART, HART, [record])

    assert (found.state, found.policy, found.publish) == (state, policy, None)
    assert found.detail


def test_without_a_record_there_is_one_to_publish() -> None:
    found = dmarc.judge(HART, HART, ())

    assert (found.state, found.domain) == (State.MISSING, HART)
    assert found.publish == "v=DMARC1; p=none"


def test_no_answer_and_two_records_are_states_of_their_own() -> None:
    states = [dmarc.judge(HART, HART, each).state for each in (None, ["v=DMARC1; p=none"] * 2)]

    assert states == [State.UNKNOWN, State.INVALID]


@pytest.mark.parametrize(
    ("record", "policy"),
    [("v=DMARC1; p=reject; sp=quarantine", "quarantine"), ("v=DMARC1; p=reject", "reject")],
)
def test_a_parent_speaks_for_those_below_it(record: str, policy: str) -> None:
    found = dmarc.judge(f"mail.{HART}", HART, [record])

    assert (found.policy, found.domain) == (policy, HART)
    assert HART in found.detail


@pytest.mark.parametrize(
    ("domain", "places"),
    [
        ("hart.test", ["hart.test"]),
        ("mail.hart.test", ["mail.hart.test", "hart.test"]),
        (
            "a.b.c.d.e.f.test",
            ["a.b.c.d.e.f.test", "c.d.e.f.test", "d.e.f.test", "e.f.test", "f.test"],
        ),
    ],
)
def test_where_a_policy_may_stand(domain: str, places: list[str]) -> None:
    assert dmarc.places(domain) == places


@given(st.text() | st.text().map("v=DMARC1; {}".format))
def test_any_text_is_judged(record: str) -> None:
    assert dmarc.judge(HART, HART, [record]).state in {*State}


PASS, MISSING, NO_ANSWER = spf.State.PASS, spf.State.MISSING, spf.State.UNKNOWN
KEY, NO_KEY, UNKNOWN_KEY = dkim.State.PRESENT, dkim.State.MISSING, dkim.State.UNKNOWN


@pytest.mark.parametrize(
    ("by_spf", "by_dkim", "policy", "met"),
    [
        (PASS, KEY, State.PRESENT, ["met", "met"]),
        (PASS, NO_KEY, State.PRESENT, ["met", "not_met"]),
        (MISSING, KEY, State.PRESENT, ["met", "not_met"]),
        (PASS, KEY, State.MISSING, ["met", "not_met"]),
        (MISSING, NO_KEY, State.MISSING, ["not_met", "not_met"]),
        (PASS, UNKNOWN_KEY, State.PRESENT, ["met", "unknown"]),
        (NO_ANSWER, UNKNOWN_KEY, State.UNKNOWN, ["unknown", "unknown"]),
        (MISSING, UNKNOWN_KEY, State.PRESENT, ["unknown", "not_met"]),
    ],
)
def test_what_large_receivers_ask_for(
    by_spf: spf.State, by_dkim: dkim.State, policy: State, met: list[str]
) -> None:
    found = receivers.rules(by_spf, by_dkim, policy)

    assert [each.state.value for each in found] == met


def test_what_is_wanting_is_named() -> None:
    found = receivers.rules(MISSING, NO_KEY, State.MISSING)

    assert found[1].detail == "Still wanting: SPF, DKIM, DMARC."
