"""What every door works with: the store, and the actions that need more than it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from letterhead.actions.domains import DomainCheck
from letterhead.actions.feedback import Feedback
from letterhead.actions.identities import Identities
from letterhead.actions.messages import Intake
from letterhead.actions.ownership import Ownership
from letterhead.actions.premises import Premises
from letterhead.actions.trial import Trial
from letterhead.actions.vouching import Identity
from letterhead.mail.letter import LaneKey
from letterhead.mail.notice import Press, Texts
from letterhead.mail.sender import Platform
from letterhead.mail.ses import Region
from letterhead.mail.settings import Ports
from letterhead.store.store import Store


@dataclass(frozen=True, slots=True)
class Office:
    """What the routes work with."""

    store: Store
    intake: Intake
    trial: Trial
    domains: DomainCheck
    identities: Identities
    feedback: Feedback  # of Amazon SES
    regions: Callable[[], Mapping[str, Region]]  # of Amazon SES
    ownership: Ownership
    wake: Callable[[LaneKey], None]
    ports: Ports
    clock: Callable[[], datetime]
    captures: bool  # whether the platform's route keeps mail instead of sending it
    platform: Platform
    press: Press
    texts: Texts
    sending_addresses: Sequence[str]  # ours, for the connectors of relays
    premises: Premises
    public_url: str  # where people reach the pages
    submission: Mapping[str, int]  # ports for SMTP, by how they are encrypted; empty: off
    frame_ancestors: Sequence[str]  # the sites that may show pages in a frame
    identity: Identity | None  # where people may sign in elsewhere
