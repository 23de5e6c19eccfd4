"""Secrets at rest: sealed with AES-GCM, and bound to the destination that they are for."""

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from letterhead.errors import Misconfigured
from letterhead.mail.secret import Secret

KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_BYTES = 4


class Vault:
    """Seals with the newest key of the ring, and opens with the one that sealed."""

    def __init__(self, keys: Sequence[Secret]) -> None:
        ring = [_key(each) for each in keys]
        if not ring:
            raise Misconfigured("The key ring is empty.")
        self._newest = ring[0]
        self._ring = {_key_id(each): AESGCM(each) for each in ring}

    def seal(self, secret: Secret, destination: Sequence[object]) -> bytes:
        """Seal `secret` for one destination: portal, server, port, encryption and login."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._newest).encrypt(nonce, secret.reveal().encode(), _bound(destination))
        return _key_id(self._newest) + nonce + sealed

    def open(self, sealed: bytes, destination: Sequence[object]) -> Secret | None:
        """Open what was sealed for this very destination; None if it was not, or lacks its key."""
        cipher = self._ring.get(sealed[:_ID_BYTES])
        nonce, rest = sealed[_ID_BYTES:][:_NONCE_BYTES], sealed[_ID_BYTES + _NONCE_BYTES :]
        if cipher is None:
            return None
        try:
            return Secret(cipher.decrypt(nonce, rest, _bound(destination)).decode())
        except InvalidTag:
            return None

    def digest(self, text: str) -> str:
        """A keyed digest of a short code, so that a copy of the database does not tell the code."""
        return hashlib.blake2b(text.encode(), key=self._newest, digest_size=32).hexdigest()


def key_ring(configured: Sequence[Secret], data_dir: Path) -> Sequence[Secret]:
    """The operator's keys, else the one of the data folder, which is made at the first start."""
    if configured:
        return configured
    file = data_dir / "secret.key"
    if not file.exists():
        _write_key(file)
    return [Secret(file.read_text("ascii").strip())]


def _write_key(file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)) + b"\n")
        opened.flush()
        os.fsync(opened.fileno())


def _key(secret: Secret) -> bytes:
    try:
        key = base64.urlsafe_b64decode(secret.reveal())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise Misconfigured(
            "LETTERHEAD_SECRET_KEYS (or secret.key of the data folder): a key must be 32 bytes in"
            " URL-safe base64, 44 characters."
        )
    return key


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"letterhead key id" + key).digest()[:_ID_BYTES]


def _bound(destination: Sequence[object]) -> bytes:
    return "\x1f".join(map(str, destination)).encode()
