"""One-time codes by the clock (RFC 6238): six digits, a new one every 30 seconds."""

import hmac
from datetime import datetime

import pyotp

from letterhead.mail.secret import Secret

PERIOD = 30  # seconds
DIGITS = 6
_EARLIER_OR_LATER = 1  # steps by which a clock may be wrong (RFC 6238, section 5.2)


def matching_step(secret: Secret, code: str, now: datetime) -> int | None:
    """The step of time whose code this is, near `now`; None for a wrong code."""
    made = pyotp.TOTP(secret.reveal(), digits=DIGITS, interval=PERIOD)
    at = int(now.timestamp()) // PERIOD
    for step in range(at - _EARLIER_OR_LATER, at + _EARLIER_OR_LATER + 1):
        if hmac.compare_digest(made.generate_otp(step).encode(), code.encode()):
            return step
    return None


def is_code(text: str) -> bool:
    """Whether this has the form of a code; what has not may be a recovery code."""
    return len(text) == DIGITS and text.isascii() and text.isdecimal()


def address(secret: Secret, email: str, issuer: str) -> str:
    """What the QR code says to an app: whose codes these are, and their secret (`otpauth:`)."""
    return pyotp.TOTP(secret.reveal()).provisioning_uri(name=email, issuer_name=issuer)
