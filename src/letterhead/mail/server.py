"""A mail server to hand messages to, and an envelope to hand over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from letterhead.mail.secret import Secret


class Encryption(StrEnum):
    """How a connection is encrypted; there is no "if the server likes"."""

    TLS = "tls"  # from the first byte (RFC 8314, section 3.3)
    STARTTLS = "starttls"  # required before anything else is said (RFC 3207)
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Server:
    """
    Where mail is handed over, and how.

    `trusted` is said of servers that the operator set: these may have a private address.
    """

    host: str
    port: int
    encryption: Encryption
    login: str = ""
    password: Secret | None = None
    token: Secret | None = None  # an access token (RFC 6750): it goes before a password
    trusted: bool = False
    connections: int = 8  # open at once, at most
    window: int = 1  # messages under way at once over each, where the server can


@dataclass(frozen=True, slots=True)
class Envelope:
    """
    One recipient's copy of a message, as it goes over the wire.

    `content` is the message in pieces that belong one behind the other: lines end with CRLF,
    dots are not stuffed yet. `labels` are ids of ours, for a way out that can note them.
    """

    sender: str
    recipient: str
    content: Sequence[bytes]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Octets, as the SIZE extension counts them (RFC 1870)."""
        return sum(map(len, self.content))
