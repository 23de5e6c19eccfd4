"""The checklist before a portal's settings may be switched on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterhead.errors import Refused
from letterhead.mail import gate, spf
from letterhead.mail.gate import Progress, State, Step
from letterhead.mail.settings import DefaultSettings, SmtpSettings

SMTP = SmtpSettings(server="smtp.example.com", login="me")
GMAIL = replace(SMTP, provider="gmail", from_address="office@hart.example")
RELAY = SmtpSettings(server="firm.mail.protection.outlook.com", port=25)
DONE, OPEN, BLOCKED, SPARED = State.DONE, State.OPEN, State.BLOCKED, State.NOT_REQUIRED

progresses = st.builds(
    Progress,
    settings=st.sampled_from(
        [None, DefaultSettings(), SMTP, GMAIL, RELAY, replace(RELAY, login="me")]
    ),
    live=st.booleans(),
    dns=st.sampled_from([None, *spf.State]),
    domain_proven=st.booleans(),
    test_accepted=st.booleans(),
    test_confirmed=st.booleans(),
)


@pytest.mark.parametrize(
    ("progress", "states"),
    [
        (Progress(settings=None), [OPEN, SPARED, SPARED, SPARED, SPARED, BLOCKED]),
        (Progress(settings=DefaultSettings()), [DONE, SPARED, SPARED, SPARED, SPARED, OPEN]),
        (Progress(settings=SMTP), [DONE, SPARED, SPARED, OPEN, BLOCKED, BLOCKED]),
        (Progress(settings=GMAIL), [DONE, OPEN, SPARED, BLOCKED, BLOCKED, BLOCKED]),
        (
            Progress(settings=GMAIL, dns=spf.State.UNKNOWN),
            [DONE, OPEN, SPARED, BLOCKED, BLOCKED, BLOCKED],
        ),
        (
            Progress(settings=GMAIL, dns=spf.State.PASS),
            [DONE, DONE, SPARED, OPEN, BLOCKED, BLOCKED],
        ),
        (Progress(settings=RELAY), [DONE, SPARED, OPEN, BLOCKED, BLOCKED, BLOCKED]),
        (
            Progress(settings=replace(RELAY, login="me"), test_accepted=True),
            [DONE, SPARED, SPARED, DONE, OPEN, BLOCKED],
        ),
        (
            Progress(settings=RELAY, domain_proven=True, test_accepted=True, test_confirmed=True),
            [DONE, SPARED, DONE, DONE, DONE, OPEN],
        ),
        (
            Progress(settings=SMTP, test_accepted=True, test_confirmed=True, live=True),
            [DONE, SPARED, SPARED, DONE, DONE, DONE],
        ),
    ],
)
def test_the_first_step_that_is_not_done_is_open(progress: Progress, states: list[State]) -> None:
    found = gate.checklist(progress)

    assert [each.step for each in found] == list(Step)
    assert [each.state for each in found] == states


@given(progresses)
def test_one_step_is_open_unless_all_are_done(progress: Progress) -> None:
    states = [each.state for each in gate.checklist(progress)]

    assert states.count(OPEN) == (0 if set(states) <= {DONE, SPARED} else 1)
    assert all(each.detail for each in gate.checklist(progress))
    assert BLOCKED not in states or states.index(OPEN) < states.index(BLOCKED)


def test_switching_on_waits_for_the_open_step_and_says_which() -> None:
    with pytest.raises(Refused, match="six-digit code") as refused:
        gate.demand(Progress(settings=SMTP, test_accepted=True), before=Step.SWITCHED_ON)

    assert refused.value.step == "test_confirmed"


def test_a_test_needs_no_more_than_what_comes_before_it() -> None:
    gate.demand(Progress(settings=SMTP), before=Step.TEST_ACCEPTED)

    with pytest.raises(Refused) as refused:
        gate.demand(Progress(settings=RELAY), before=Step.TEST_ACCEPTED)
    assert refused.value.step == "domain_proven"


@given(progresses, st.sampled_from(Step))
def test_a_step_is_refused_if_and_only_if_an_earlier_one_is_not_done(
    progress: Progress, step: Step
) -> None:
    before = gate.checklist(progress)[: list(Step).index(step)]
    is_free = all(each.state in {DONE, SPARED} for each in before)

    try:
        gate.demand(progress, before=step)
    except Refused:
        assert not is_free
    else:
        assert is_free
