"""What people change about a portal, kept for whoever asks later who did it."""

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum

from letterhead.mail.settings import Settings

Differences = Mapping[str, list[object]]  # by field: before and after


class Change(StrEnum):
    """What was done, in words for the history."""

    SAVED = "saved a new version"
    CONFIRMED = "confirmed that the test mail arrived"
    SWITCHED_ON = "switched a version on"
    SWITCHED_BACK = "went back to a version"
    FOREIGN_FROM = "chose what happens to mail from other addresses"
    FALLBACK = "chose what happens while mail is held"
    RESUMED = "let the connection try again"
    RELEASED = "released held mail"
    DISCARDED = "discarded held mail"


def differences(before: Settings, after: Settings, *, new_password: bool) -> Differences:
    """The fields that a new version changes; of a password only that there is another one."""
    old = {"type": before.type.value, **asdict(before)}
    new = {"type": after.type.value, **asdict(after)}
    fields = dict.fromkeys([*old, *new])
    found = {
        each: [old.get(each), new.get(each)] for each in fields if old.get(each) != new.get(each)
    }
    return {**found, "password": ["", "typed anew"]} if new_password else found
