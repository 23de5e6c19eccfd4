"""DKIM keys: which can be used, and what is said of those that cannot."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import dkim
from letterhead.mail.dkim import Key, State
from tests.servers import dkim_key


def published(key: RSAPublicKey | EllipticCurvePublicKey) -> str:
    raw = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(raw).decode()


SHORT = published(rsa.generate_private_key(65537, 1024).public_key())  # noqa: S505 - as some publish
STRANGE = published(ec.generate_private_key(ec.SECP256R1()).public_key())
ED25519 = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("record", "state", "says"),
    [
        (dkim_key.RECORD, State.PRESENT, "RSA with 2048 bits."),
        (f"p={SHORT}", State.PRESENT, "RSA with 1024 bits. 2048 are advised."),
        (f"v=DKIM1; t=y; p={SHORT}", State.PRESENT, "(t=y)"),
        (f"v=DKIM1; k=rsa; p={SHORT[:40]} {SHORT[40:]};", State.PRESENT, "1024"),
        (f"v=DKIM1; k=ed25519; p={ED25519}", State.PRESENT, "Ed25519"),
        (f"v=DKIM1; k=ed25519; p={SHORT}", State.INVALID, "not whole"),
        ("v=DKIM1; p=", State.REVOKED, "revoked"),
        ("v=DKIM1; k=rsa", State.INVALID, "no DKIM key"),
        ("v=DKIM2; p=abcd", State.INVALID, "no DKIM key"),
        ("v=spf1 -all", State.INVALID, "no DKIM key"),
        ("hello", State.INVALID, "no tag"),
        (f"p={SHORT}; p={SHORT}", State.INVALID, "twice"),
        (f"p={SHORT[:-5]}", State.INVALID, "not whole"),
        (f"p={STRANGE}", State.INVALID, "kind"),
        ("p=ünknown", State.INVALID, "not whole"),
    ],
)
def test_a_key_is_judged(record: str, state: State, says: str) -> None:
    found = dkim.judge("s1", [record])

    assert found.state is state
    assert says in found.detail
    assert found.found == record


def test_a_missing_key_is_told_from_no_answer_and_from_too_many() -> None:
    states = [dkim.judge("s1", each).state for each in ([], None, ["p=", "p="])]

    assert states == [State.MISSING, State.UNKNOWN, State.INVALID]


@pytest.mark.parametrize(
    ("states", "together"),
    [
        ([], State.UNKNOWN),
        ([State.MISSING, State.PRESENT], State.PRESENT),
        ([State.REVOKED, State.PRESENT, State.UNKNOWN], State.PRESENT),
        ([State.MISSING, State.MISSING], State.MISSING),
        ([State.MISSING, State.UNKNOWN], State.UNKNOWN),
        ([State.MISSING, State.REVOKED], State.REVOKED),
    ],
)
def test_one_key_is_enough(states: list[State], together: State) -> None:
    keys = [Key(f"s{number}", each, "As it is.") for number, each in enumerate(states)]

    assert dkim.together(keys)[0] is together


@given(st.text() | st.text().map("v=DKIM1; p={}".format))
def test_any_text_is_judged(record: str) -> None:
    assert dkim.judge("s1", [record]).state in {*State}
