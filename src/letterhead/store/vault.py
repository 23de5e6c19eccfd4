"""Secrets at rest: sealed with AES-GCM, and bound to the destination that they are for."""

import base64
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from letterhead.errors import Misconfigured
from letterhead.mail.secret import Secret
from letterhead.store.keys import KEY_BYTES, Ring

_NONCE_BYTES = 12
ID_BYTES = 4  # of the key that sealed: they stand before everything else


class Vault:
    """Seals with the newest key of the ring, and opens with the one that sealed."""

    def __init__(self, ring: Ring) -> None:
        self._source = ring
        self._ring: dict[bytes, bytes] = {}
        self.read()

    def seal(self, secret: Secret, destination: Sequence[object]) -> bytes:
        """Seal `secret` for one destination: portal, server, port, encryption and login."""
        self.read()
        key_id, key = next(iter(self._ring.items()))
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, secret.reveal().encode(), _bound(destination))
        return key_id + nonce + sealed

    def open(self, sealed: bytes, destination: Sequence[object]) -> Secret | None:
        """Open what was sealed for this very destination; None if it was not, or lacks its key."""
        key_id, rest = sealed[:ID_BYTES], sealed[ID_BYTES:]
        if key_id not in self._ring:
            self.read()  # the ring may have been turned since
        if key_id not in self._ring:
            return None
        nonce, text = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            opened = AESGCM(self._ring[key_id]).decrypt(nonce, text, _bound(destination))
        except InvalidTag:
            return None
        return Secret(opened.decode())

    def has(self, key_id: bytes) -> bool:
        return key_id in self._ring

    def is_newest(self, sealed: bytes) -> bool:
        """Whether the newest key of the ring sealed it."""
        return sealed.startswith(next(iter(self._ring)))

    def digest(self, text: str) -> str:
        """A keyed digest of a short code, so that a copy of the database does not tell the code."""
        return self.digests(text)[0]

    def digests(self, text: str) -> list[str]:
        """The digests by every key of the ring: what was given out before a turn still counts."""
        self.read()
        keys = self._ring.values()
        return [hashlib.blake2b(text.encode(), key=key, digest_size=32).hexdigest() for key in keys]

    def read(self) -> None:
        """Read the ring anew, in case it was turned."""
        keys = [_key(each) for each in self._source()]
        if not keys:
            raise Misconfigured("The key ring is empty.")
        self._ring = {_key_id(each): each for each in keys}


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
    return hashlib.sha256(b"letterhead key id" + key).digest()[:ID_BYTES]


def _bound(destination: Sequence[object]) -> bytes:
    return "\x1f".join(map(str, destination)).encode()
