"""What people change about a portal, kept for whoever asks later who did it."""

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum

from letterhead.mail.settings import Settings

Differences = Mapping[str, list[object]]  # by field: before and after

_CONTACTS = ("from_address", "reply_to", "copy_to")


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
    CANCELLED = "cancelled a message"
    SENT_AGAIN = "sent a message again"
    RESOLVED = "decided what became of an uncertain mail"
    PERSON_ADDED = "added a person"
    ROLE_CHANGED = "changed the role of a person"
    PERSON_REMOVED = "removed a person"
    LINK_SENT = "sent a person a link to choose a password"
    KEY_ISSUED = "issued an API key"
    KEY_REVOKED = "revoked an API key"
    WARNED = "warned of bounces or complaints"
    WEBHOOK_ADDED = "added a webhook"
    WEBHOOK_REMOVED = "removed a webhook"
    EXPORTED = "exported what is kept of the portal"

    @property
    def is_told(self) -> bool:
        """Whether the portal's people get a mail about it: it changes who sends, reads or may."""
        return self in _TOLD


_TOLD = frozenset(
    {
        Change.SWITCHED_ON,
        Change.SWITCHED_BACK,
        Change.FALLBACK,
        Change.PERSON_ADDED,
        Change.ROLE_CHANGED,
        Change.PERSON_REMOVED,
        Change.KEY_ISSUED,
        Change.KEY_REVOKED,
        Change.WARNED,
        Change.WEBHOOK_ADDED,
        Change.WEBHOOK_REMOVED,
        Change.EXPORTED,
    }
)


def differences(before: Settings, after: Settings, *, new_password: bool) -> Differences:
    """The fields that a new version changes; of a password only that there is another one."""
    old = {"type": before.type.value, **asdict(before)}
    new = {"type": after.type.value, **asdict(after)}
    fields = dict.fromkeys([*old, *new])
    found = {
        each: [old.get(each), new.get(each)] for each in fields if old.get(each) != new.get(each)
    }
    return {**found, "password": ["", "typed anew"]} if new_password else found


def displaced(before: Settings, after: Settings) -> list[str]:
    """The addresses that settings named and name no more: they are told, too."""
    kept = {each.lower() for each in _contacts(after)}
    return [each for each in _contacts(before) if each.lower() not in kept]


def _contacts(of: Settings) -> list[str]:
    found = (getattr(of, each, "") for each in _CONTACTS)
    return list(dict.fromkeys(each for each in found if each))
