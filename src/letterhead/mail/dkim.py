"""DKIM key records (RFC 6376, section 3.6.1): whether a provider can sign for a domain."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from letterhead.mail import tags
from letterhead.mail.said import said, spoken

WEAK = 1024  # bits: fewer must not be trusted by anybody (RFC 8301, section 3.2)
ADVISED = 2048
_ED25519 = 32  # octets (RFC 8463, section 4)


class State(StrEnum):
    """How a key stands, or all of a domain's keys together."""

    PRESENT = "present"
    MISSING = "missing"
    REVOKED = "revoked"
    INVALID = "invalid"
    UNKNOWN = "unknown"  # DNS did not answer, or the selectors cannot be guessed


@dataclass(frozen=True, slots=True)
class Key:
    """What stands at one selector."""

    selector: str
    state: State
    detail: str
    found: str | None = None


def judge(selector: str, records: Sequence[str] | None) -> Key:
    """Say how the key of a selector stands; None: DNS did not answer."""
    if records is None:
        return Key(selector, State.UNKNOWN, said("DNS did not answer."))
    if not records:
        return Key(selector, State.MISSING, said("There is no key."))
    if len(records) > 1:
        return Key(
            selector, State.INVALID, said("There are several records; one is allowed."), records[0]
        )
    state, detail = _read(records[0])
    return Key(selector, state, detail, records[0])


def together(keys: Sequence[Key]) -> tuple[State, str]:
    """How the keys of a domain stand as a whole: one that is there is enough."""
    states = {each.state for each in keys}
    if not keys:
        return State.UNKNOWN, said("The provider names the selector in its console; look there.")
    if State.PRESENT in states:
        return State.PRESENT, said("The provider can sign for the domain.")
    if State.UNKNOWN in states:
        return State.UNKNOWN, said("DNS did not answer; check again.")
    if states == {State.MISSING}:
        return State.MISSING, said(
            "There is no key at the provider's usual selectors: switch DKIM on."
        )
    return next((each.state, each.detail) for each in keys if each.state is not State.MISSING)


def _read(record: str) -> tuple[State, str]:
    try:
        found = tags.read(record)
    except tags.NotTags as error:
        return State.INVALID, spoken(error)
    if found.get("v", "DKIM1") != "DKIM1" or "p" not in found:
        return State.INVALID, said("This is no DKIM key.")
    if not found["p"]:
        return State.REVOKED, said("The key was revoked.")
    state, detail = _key(found)
    testing = "y" in found.get("t", "").split(":")
    if testing:
        return state, said("{detail} It is marked as a test (t=y).", detail=detail)
    return state, detail


def _key(found: Mapping[str, str]) -> tuple[State, str]:
    try:
        raw = base64.b64decode("".join(found["p"].split()), validate=True)
    except ValueError:
        return State.INVALID, said("The key is not whole: it is no base64.")
    if found.get("k", "rsa") == "ed25519":
        right = len(raw) == _ED25519
        return (
            (State.PRESENT, "Ed25519.") if right else (State.INVALID, said("The key is not whole."))
        )
    return _rsa(raw)


def _rsa(raw: bytes) -> tuple[State, str]:
    try:
        key = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        return State.INVALID, said("The key is not whole: it cannot be read.")
    if not isinstance(key, RSAPublicKey):
        return State.INVALID, said("The key is of a kind that receivers do not know.")
    bits = key.key_size
    if bits < WEAK:
        short = said(
            "RSA with {bits} bits is too short: {advised} are advised.", bits=bits, advised=ADVISED
        )
        return State.INVALID, short
    if bits < ADVISED:
        advised = said("RSA with {bits} bits. {advised} are advised.", bits=bits, advised=ADVISED)
        return State.PRESENT, advised
    return State.PRESENT, said("RSA with {bits} bits.", bits=bits)
