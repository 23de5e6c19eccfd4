"""Let a platform be told what happens to a portal's mail, and no more."""

from collections.abc import Sequence
from datetime import datetime

from letterhead.errors import Invalid, NotFound, Problem
from letterhead.mail.change import Change
from letterhead.mail.secret import Secret
from letterhead.mail.webhook import PER_PORTAL
from letterhead.store.store import Desk


async def add(desk: Desk, url: str, kinds: Sequence[str], now: datetime) -> tuple[int, Secret]:
    """Add a webhook; gives its number and its secret, which is shown this once."""
    if len(await desk.webhooks.find()) >= PER_PORTAL:
        message = f"A portal has at most {PER_PORTAL} webhooks: remove one first."
        raise Invalid([Problem("url", "count", message)])
    await desk.changes.note(Change.WEBHOOK_ADDED, now, {"webhook": [None, url]})
    return await desk.webhooks.add(url, kinds, now)


async def remove(desk: Desk, webhook_id: int, now: datetime) -> None:
    """Tell a receiver nothing any more, not even what it was still to be told."""
    url = await desk.webhooks.remove(webhook_id)
    if url is None:
        raise NotFound("This portal has no such webhook.")
    await desk.changes.note(Change.WEBHOOK_REMOVED, now, {"webhook": [url, None]})
