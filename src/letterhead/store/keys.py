"""The key ring that seals stored passwords: newest first, in the environment or in a file."""

import base64
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from letterhead.errors import Misconfigured
from letterhead.mail.secret import Secret

KEY_BYTES = 32

Ring = Callable[[], Sequence[Secret]]


def new_key() -> Secret:
    return Secret(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode())


class KeyFile:
    """A key a line. It is read anew whenever it may have changed, so a ring turns under load."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> Sequence[Secret]:
        try:
            text = self.path.read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"The key ring {self.path} cannot be read.") from error
        return [Secret(each) for each in text.replace(",", " ").split()]

    def make(self) -> None:
        """Make the file with a first key, if it is not there yet."""
        if not self.path.exists():
            self.write([new_key()])

    def write(self, keys: Sequence[Secret]) -> None:
        """Replace the ring, whole or not at all."""
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.writelines(f"{each.reveal()}\n" for each in keys)
            opened.flush()
            os.fsync(opened.fileno())
        fresh.replace(self.path)
        _sync_folder(self.path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
