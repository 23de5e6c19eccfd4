"""How a portal's Email Settings stand, in one word for its chip and one next action."""

from collections.abc import Sequence
from enum import StrEnum

from letterhead.mail.gate import Check, State, Step
from letterhead.mail.letter import Trouble


class Standing(StrEnum):
    """The chip on the status card."""

    NOT_SET_UP = "Not set up"
    SAVED = "Saved, not tested"
    DNS_MISSING = "DNS missing"
    TEST_FAILED = "Test failed"
    READY = "Ready to switch on"
    ON = "On"
    ATTENTION = "On, needs attention"
    PAUSED = "Paused, mail is held"


_AT = {
    None: Standing.ON,
    Step.SAVED: Standing.NOT_SET_UP,
    Step.DNS: Standing.DNS_MISSING,
    Step.DOMAIN_PROVEN: Standing.DNS_MISSING,
    Step.TEST_ACCEPTED: Standing.SAVED,
    Step.TEST_CONFIRMED: Standing.SAVED,
    Step.SWITCHED_ON: Standing.READY,
}


def standing(
    checklist: Sequence[Check], trouble: Trouble | None, *, ever_saved: bool, test_failed: bool
) -> Standing:
    """Say the worst first: mail that is held, then what keeps the next settings waiting."""
    if trouble is not None:
        return Standing.PAUSED if trouble.paused else Standing.ATTENTION
    step = next_step(checklist)
    if step is Step.TEST_ACCEPTED and test_failed:
        return Standing.TEST_FAILED
    return _AT[step] if ever_saved else Standing.NOT_SET_UP


def next_step(checklist: Sequence[Check]) -> Step | None:
    """The step that is open; None if there is nothing left to do."""
    return next((each.step for each in checklist if each.state is State.OPEN), None)
