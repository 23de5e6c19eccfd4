"""What an identity provider says is believed only if all of it is right."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from letterhead.actions.elsewhere import attempt
from letterhead.egress import Egress, tls_context
from letterhead.egress.http import ANSWER_LIMIT
from letterhead.errors import Forbidden, Unreachable
from letterhead.identity import Identity
from letterhead.mail.registration import Registration
from letterhead.mail.secret import Secret

SECRET = "a client secret of thirty-two bytes"
ATTEMPT = attempt("a token", "http://127.0.0.1:8025")
ANSWER = {"state": ATTEMPT.state, "code": "a code"}
KEY = ECKey.generate_key("P-256", {"kid": "1", "alg": "ES256", "use": "sig"})
STRANGERS = ECKey.generate_key("P-256", {"kid": "1"})
NOW = datetime.fromtimestamp(time.time(), UTC)


class Liar:
    """A provider that says what the test wants."""

    def __init__(self) -> None:
        liar = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                liar.answer(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": "letterhead",
            "sub": "17",
            "nonce": ATTEMPT.nonce,
            "iat": int(NOW.timestamp()),
            "exp": int(NOW.timestamp()) + 300,
            "email": "Jo@hart.test",
            "email_verified": True,
        }
        self.user: dict[str, Any] = {"sub": "17"}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.says: dict[str, bytes] = {}
        self.heard: list[str] = []

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "ES256", "kid": "1"}, claims, KEY)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        self.heard.append(request.rfile.read(length).decode())
        content = self.says.get(request.path) or self._right(request.path)
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _right(self, path: str) -> bytes:
        if path == "/token":
            found: Any = {"access_token": "an access token", "id_token": self.sign(self.claims)}
        elif path == "/keys":
            found = {"keys": [KEY.as_dict(private=False)]}
        elif path == "/user":
            found = self.user
        else:
            ends = {"token_endpoint": "token", "jwks_uri": "keys", "userinfo_endpoint": "user"}
            found = {name: f"{self.issuer}/{end}" for name, end in ends.items()}
            found |= {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/auth"}
        return json.dumps(found).encode()

    def email(self) -> str:
        known = Registration(
            issuer=self.issuer, client_id="letterhead", client_secret=Secret(SECRET), name="Liar"
        )
        identity = Identity(known, Egress(), tls_context())
        return asyncio.run(identity.email(ANSWER, ATTEMPT, NOW))


@pytest.fixture
def liar() -> Iterator[Liar]:
    made = Liar()
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_what_is_right_is_believed(liar: Liar) -> None:
    assert liar.email() == "jo@hart.test"
    assert any(f"code_verifier={ATTEMPT.verifier}" in each for each in liar.heard)


def test_the_address_may_be_told_apart(liar: Liar) -> None:
    del liar.claims["email"]
    liar.user |= {"email": "ann@hart.test", "email_verified": True}

    assert liar.email() == "ann@hart.test"


@pytest.mark.parametrize(
    "claim",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["letterhead", "another"], "azp": "another"},
        {"iss": "http://evil.test"},
        {"exp": int(NOW.timestamp()) - 3600},
        {"exp": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"email": "jo@hart.test(ops@desk.test)"},
    ],
    ids=str,
)
def test_a_claim_that_is_not_right_lets_nobody_in(liar: Liar, claim: dict[str, Any]) -> None:
    changed = {**liar.claims, **claim}
    liar.claims = {name: value for name, value in changed.items() if value is not None}

    with pytest.raises(Forbidden):
        liar.email()


def unsigned(claims: dict[str, Any]) -> str:
    parts = (json.dumps(each).encode() for each in ({"alg": "none"}, claims))
    return ".".join(urlsafe_b64encode(each).decode().rstrip("=") for each in parts) + "."


def by_our_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def by_a_stranger(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "ES256", "kid": "1"}, claims, STRANGERS)


@pytest.mark.parametrize("sign", [unsigned, by_our_secret, by_a_stranger, lambda _: "nonsense"])
def test_only_the_providers_own_signature_counts(
    liar: Liar, sign: Callable[[dict[str, Any]], str]
) -> None:
    liar.sign = sign

    with pytest.raises(Forbidden, match="not right"):
        liar.email()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/.well-known/openid-configuration", b'{"issuer": "http://evil.test"}'),
        ("/.well-known/openid-configuration", b"[]"),
        ("/token", b"no JSON"),
        ("/token", b"{}"),
        ("/keys", b'{"keys": []}'),
        ("/keys", b'{"keys": 7}'),
    ],
)
def test_an_answer_that_is_none_lets_nobody_in(liar: Liar, path: str, said: bytes) -> None:
    liar.says[path] = said

    with pytest.raises(Forbidden):
        liar.email()


def test_another_persons_address_is_not_taken(liar: Liar) -> None:
    del liar.claims["email"]
    liar.user = {"sub": "18", "email": "ops@desk.test", "email_verified": True}

    with pytest.raises(Forbidden):
        liar.email()


def test_an_endless_answer_is_not_read_to_its_end(liar: Liar) -> None:
    liar.says["/token"] = b"[" * (ANSWER_LIMIT + 1)

    with pytest.raises(Unreachable, match="too long"):
        liar.email()


def test_who_does_not_answer_is_named(liar: Liar) -> None:
    liar.issuer = "http://127.0.0.1:9"

    with pytest.raises(Unreachable):
        liar.email()
