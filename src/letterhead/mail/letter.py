"""A message on its way: as it is kept when accepted, and as it is claimed to be sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from letterhead.mail.address import Mailbox
from letterhead.mail.limits import Allowance, Limits
from letterhead.mail.message import MessageClass, OnUncertain, Scalar
from letterhead.mail.settings import OwnSettings, Settings, SmtpSettings


class Lane(StrEnum):
    """Which of a portal's lanes mail waits in: its own way, the platform's, or that of a test."""

    LIVE = "live"
    SYSTEM = "system"
    TEST = "test"


LaneKey = tuple[int, Lane]  # a portal and one of its lanes
URGENT = frozenset({Lane.SYSTEM, Lane.TEST})  # of these a person waits: a code, a test


@dataclass(frozen=True, slots=True)
class Addressee:
    """One recipient of a letter, or its copy for the portal."""

    id: str
    email: str
    copy: bool = False
    suppressed: bool = False  # it is not written to; found out when the letter is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message as it is kept; its bytes lack From, Reply-To and Message-ID, which go in front."""

    id: str
    portal_id: int
    message_class: MessageClass
    created_at: datetime
    due: datetime
    expires: datetime
    subject: str
    reply_to: tuple[Mailbox, ...]
    header_id: str
    content: bytes
    addressees: tuple[Addressee, ...]
    from_name: str | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    on_uncertain: OnUncertain = OnUncertain.RESEND
    idempotency_key: str | None = None
    request_digest: str | None = None
    again_of: str | None = None

    @property
    def lane(self) -> Lane:
        return _LANES[self.message_class]


_LANES = {
    MessageClass.BUSINESS: Lane.LIVE,
    MessageClass.SYSTEM: Lane.SYSTEM,
    MessageClass.TEST: Lane.TEST,
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What whoever handed a letter in is told; `replayed` if it was there already."""

    id: str
    addressees: tuple[Addressee, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The idempotency key belongs to another request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One recipient that a worker has taken under a lease, with what it needs to send."""

    id: str
    lane: LaneKey
    message_id: str
    email: str
    suppressed: bool  # by what became known since it was accepted
    attempts: int  # this one included
    resend: bool
    lease: str
    lease_until: datetime
    size: int
    from_name: str | None
    reply_to: tuple[Mailbox, ...]
    header_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """That a connection failed, since when, and how often in a row."""

    paused: bool
    since: datetime
    due: datetime
    failures: int
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way that a lane's mail takes now: settings, and how their connection stands."""

    connection_id: int  # the portal's id, or PLATFORM
    version: int
    portal_id: int
    portal_name: str
    settings: Settings
    sealed_password: bytes | None
    tenant: str = ""  # of the portal, at Amazon SES
    trouble: Trouble | None

    @property
    def provider(self) -> str:
        """Whose servers they are, as the settings say; empty for the platform's route."""
        return self.settings.provider if isinstance(self.settings, OwnSettings) else ""

    def allowance(self, platform: Limits) -> Allowance:
        """What its connection allows; that of the platform allows what the operator says."""
        own = self.settings.limits if isinstance(self.settings, OwnSettings) else platform
        return Allowance(self.connection_id, self.version, own)

    @property
    def signs_in(self) -> bool:
        """Whether each session with the portal's own server begins with a login."""
        return isinstance(self.settings, SmtpSettings) and bool(self.settings.login)


PLATFORM = 0  # the connection of the platform's own route, which portals share


class Begun(NamedTuple):
    """What a burst begins with: the way, and claims, perhaps all that is due."""

    route: Route
    claims: Sequence[Claim]
    is_all: bool
