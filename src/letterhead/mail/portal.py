"""A portal, who may ask for what, and the ids that things get."""

import hashlib
import random
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from letterhead.errors import Problem
from letterhead.mail import header
from letterhead.mail.said import said
from letterhead.mail.settings import DefaultSettings, Settings

NAME_LIMIT = 200
USE_NOTED = timedelta(minutes=1)

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class Scope(StrEnum):
    """What a portal's key may do."""

    SEND = "send"
    READ = "read"
    BODIES = "bodies"
    SETTINGS = "settings"


class Role(StrEnum):
    """What a person may do."""

    OPERATOR = "operator"
    ADMIN = "admin"
    CONSULTANT = "consultant"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Portal:
    """A firm's portal, and what sends for it now."""

    id: int
    slug: str
    name: str
    created_at: datetime
    live_version: int = 0
    live: Settings = field(default_factory=DefaultSettings)
    refuses_foreign_from: bool = False  # what comes by SMTP must be from its own address

    @property
    def external_id(self) -> str:
        """
        What a role of the portal's own AWS account must demand of who assumes it.

        It is no secret; that each portal has another one keeps one from naming another's role.
        """
        named = f"{self.id}:{self.slug}:{self.created_at.timestamp()}"
        return f"letterhead-{hashlib.sha256(named.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Principal:
    """
    Who asks: the platform (`portal_id` is None), or a portal with the scopes of its key.

    `key_id`, `last_used` and `name` are those of the key that was shown, where there was one.
    """

    portal_id: int | None
    scopes: frozenset[Scope]
    key_id: int | None = None
    last_used: datetime | None = None
    name: str = ""

    @property
    def known_as(self) -> str:
        """Who it was, for the history."""
        return f"API: {self.name}" if self.name else "API"

    @property
    def is_platform(self) -> bool:
        return self.portal_id is None

    def may(self, scope: Scope) -> bool:
        return self.is_platform or scope in self.scopes

    def is_news(self, now: datetime) -> bool:
        """Whether it is worth writing down that the key was used: once a minute."""
        return self.last_used is None or now - self.last_used >= USE_NOTED


OPERATOR = Principal(None, frozenset())  # at the command line, and may do everything


def portal_problems(slug: str, name: str) -> list[Problem]:
    """Name what keeps a portal from being added."""
    found: list[Problem] = []
    if not _SLUG.fullmatch(slug):
        message = said("Use up to 64 small letters, digits and dashes, with none at the ends.")
        found.append(Problem("slug", "invalid", message))
    return found + name_problems(name)


def name_problems(name: str) -> list[Problem]:
    if not name.strip():
        return [Problem("name", "required", said("Enter a name."))]
    if len(name) > NAME_LIMIT:
        return [
            Problem("name", "too_long", said("Use at most {limit} characters.", limit=NAME_LIMIT))
        ]
    message = header.value_problem(name)
    return [Problem("name", "invalid", message)] if message else []


class Ids:
    """Gives ids that sort by time, also within a millisecond (UUID version 7, RFC 9562, as hex)."""

    def __init__(self) -> None:
        self._last = 0  # milliseconds and a counter of 12 bits
        # An id is no secret: whoever asks for a thing must be allowed to see it.
        self._random = random.Random(secrets.randbits(128))  # noqa: S311

    @staticmethod
    def floor(at: datetime) -> str:
        """What every id that was given before `at` is smaller than."""
        return f"{int(at.timestamp() * 1000):012x}"

    def new(self, now: datetime) -> str:
        self._last = max(int(now.timestamp() * 1000) << 12, self._last + 1)
        high = self._last >> 12 << 16 | 0x7000 | self._last & 0xFFF
        return f"{high << 64 | 1 << 63 | self._random.getrandbits(62):032x}"
