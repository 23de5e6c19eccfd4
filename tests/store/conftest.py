"""A database of its own for each test, and letters to keep in it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from letterhead.mail.letter import Addressee, Letter
from letterhead.mail.message import MessageClass, OnUncertain
from letterhead.mail.portal import Ids, Portal
from letterhead.mail.secret import Secret
from letterhead.store.database import Database
from letterhead.store.store import Store
from letterhead.store.vault import Vault

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")

MakeLetter = Callable[..., Letter]


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database, Vault(lambda: [KEY]))


@pytest.fixture
async def portal(store: Store) -> Portal:
    async with store.platform() as rows:
        return await rows.add_portal("hart", "Hart & Co", NOW)


@pytest.fixture
def letter(portal: Portal) -> MakeLetter:
    """Makes letters to so many recipients."""
    return partial(letter_of, portal, Ids())


def letter_of(portal: Portal, ids: Ids, count: int = 1, **changes: object) -> Letter:
    fields = {
        "id": ids.new(NOW),
        "portal_id": portal.id,
        "message_class": MessageClass.BUSINESS,
        "created_at": NOW,
        "due": NOW,
        "expires": NOW + timedelta(days=5),
        "subject": "Invoice",
        "from_name": None,
        "reply_to": (),
        "metadata": {},
        "on_uncertain": OnUncertain.RESEND,
        "header_id": "<1@hart.test>",
        "content": b"Subject: Invoice\r\n\r\nDear Anna\r\n",
        "addressees": tuple(
            Addressee(ids.new(NOW), f"client{at}@client.test") for at in range(count)
        ),
        **changes,
    }
    return Letter(**fields)  # type: ignore[arg-type] # as the test says
