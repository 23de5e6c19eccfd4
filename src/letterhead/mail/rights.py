"""Who may do what on the pages: roles, and the people that have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from letterhead.mail.portal import Role
from letterhead.mail.said import said

# 12 characters at least (NIST SP 800-63B asks for 8, and no rules of composition).
PASSWORD_SHORTEST, PASSWORD_LONGEST = 12, 1024

SIGNED_IN = timedelta(hours=12)
LINK_KEPT = timedelta(days=3)  # set-up, and choosing a password
ENTRY_KEPT = timedelta(minutes=5)  # the one-time address that the platform hands on
PASS_KEPT = timedelta(days=7)
CODE_AWAITED = timedelta(minutes=10)  # between the password and the second step

FAILURES_SPAN = timedelta(minutes=15)
FAILURES_OF_ACCOUNT = 10
FAILURES_OF_ADDRESS = 50
BEGINNINGS_OF_ADDRESS = 100  # of sign-ins elsewhere, in the same span
# Who guesses codes has the password already: three of a million are right at any time.
FAILURES_OF_CODE = 5
CODE_FAILURES_SPAN = timedelta(hours=1)


class Right(StrEnum):
    """What a page lets somebody do."""

    SEE_SETTINGS = "see Email Settings"
    EDIT_SETTINGS = "change and test Email Settings"
    SWITCH = "switch Email Settings on and back"
    MESSAGES = "see messages"
    BODIES = "read the bodies of messages"
    SEND = "send messages again, cancel and resolve them"
    MANAGE = "manage people and API keys"
    PLATFORM = "see every portal"


_OF_ROLE: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {
        Role.OPERATOR: frozenset(Right),
        Role.ADMIN: frozenset(Right) - {Right.PLATFORM},
        Role.CONSULTANT: frozenset({Right.SEE_SETTINGS, Right.EDIT_SETTINGS}),
        Role.VIEWER: frozenset({Right.SEE_SETTINGS, Right.MESSAGES}),
    }
)


class TicketKind(StrEnum):
    """What a link is for; all but a pass work once."""

    SET_UP = "set-up"
    PASSWORD = "password"
    ENTRY = "entry"
    PASS = "pass"
    PROVIDER = "provider"  # in a cookie: while somebody signs in elsewhere
    SECOND_STEP = "second step"  # not in a link: between two pages of the sign-in


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in, and in which role for each portal; None stands for all of them."""

    email: str
    roles: Mapping[int | None, Role]
    has_account: bool = False  # else they came by a link, for one portal

    def may(self, right: Right, portal_id: int | None = None) -> bool:
        role = self.roles.get(None) or self.roles.get(portal_id)
        return role is not None and right in _OF_ROLE[role]

    @property
    def sees_all(self) -> bool:
        return self.may(Right.PLATFORM)


def password_problem(password: str) -> str | None:
    """What keeps a password from being taken."""
    if len(password) < PASSWORD_SHORTEST:
        return said("Use at least {limit} characters.", limit=PASSWORD_SHORTEST)
    if len(password) > PASSWORD_LONGEST:
        return said("Use at most {limit} characters.", limit=PASSWORD_LONGEST)
    return None
