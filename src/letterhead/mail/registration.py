"""How this service is known to an identity provider, and one sign-in there."""

from dataclasses import dataclass

from letterhead.mail.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How this service is known to the provider."""

    issuer: str
    client_id: str
    client_secret: Secret
    name: str  # on the button of the sign-in page


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sign-in on its way: what only the browser that began it can bring back."""

    token: str  # that the browser keeps; the others are made from it
    state: str
    nonce: str
    verifier: str  # of PKCE (RFC 7636): 64 characters
    back: str  # where the provider sends the browser afterwards
