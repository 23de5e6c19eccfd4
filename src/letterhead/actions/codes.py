"""Six digits that somebody was sent, and gives back."""

import hmac

from letterhead.store.vault import Vault


def digest(vault: Vault, message_id: str, code: str) -> str:
    """What is kept of a code: bound to its mail, of no use to who copies the database."""
    return vault.digest(f"{message_id}:{code}")


def fits(kept: str, vault: Vault, message_id: str, code: str) -> bool:
    digests = vault.digests(f"{message_id}:{code}")
    return any(hmac.compare_digest(kept, each) for each in digests)
