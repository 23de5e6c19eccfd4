"""Certificates of an authority of the tests' own: right, and wrong in each way that matters."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

PAST = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files: the authority that tests trust, and a chain with its key for each server."""

    authority: Path
    folder: Path

    def chain(self, name: str) -> Path:
        return self.folder / f"{name}.pem"


def make(folder: Path) -> Certificates:
    """Make `good` (ours), `sns` (of AWS), `expired`, `wrongname`, `selfsigned` (by a stranger)."""
    ours, stranger = trustme.CA(key_type=trustme.KeyType.ECDSA), trustme.CA()
    ours.cert_pem.write_to_path(folder / "authority.pem")
    relays = (f"{name}-test.mail.protection.outlook.com" for name in ("client", "denied"))
    hosts = ("mail.test", "localhost", *relays)
    expired = PAST + timedelta(days=30)
    for name, made in {
        "good": ours.issue_cert(*hosts),
        "sns": ours.issue_cert("sns.eu-west-1.amazonaws.com"),
        "expired": ours.issue_cert("expired.test", not_before=PAST, not_after=expired),
        "wrongname": ours.issue_cert("another.test"),
        "selfsigned": stranger.issue_cert("selfsigned.test"),
    }.items():
        made.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
        (folder / f"{name}.pem").chmod(0o600)
    return Certificates(folder / "authority.pem", folder)
