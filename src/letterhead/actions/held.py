"""Held mail: let it go, in parts if wished, or give it up."""

from datetime import datetime

from letterhead.errors import Conflict
from letterhead.mail.change import Change
from letterhead.mail.portal import Portal
from letterhead.mail.said import said
from letterhead.store.store import Desk, Store

_AT_ONCE = 2000  # recipients that are given up in one transaction


async def anything(desk: Desk) -> bool:
    """Whether any mail of the portal is held."""
    return await desk.held.anything(paused=await desk.connection.paused_since() is not None)


async def release(desk: Desk, limit: int | None, now: datetime) -> int:
    """
    Let the connection be tried with held mail: all of it, or the oldest `limit`.

    What is not released is kept back until a person says otherwise, also when mail flows again.
    """
    since = await desk.connection.paused_since()
    if since and limit is not None:
        await desk.held.keep_back(since)
    waiting = await desk.held.count(paused=since is not None)
    if since and not await desk.connection.try_again(now):
        raise Conflict(said("The platform's own route is tried again by itself."))
    released = await desk.held.release(limit, now)
    released = waiting if limit is None else released
    await desk.changes.note(Change.RELEASED, now, {"mails": [None, released]})
    return released


async def discard(
    store: Store, portal: Portal, limit: int | None, now: datetime, *, by: str = "API"
) -> int:
    """Cancel held mail: all of it, or the oldest `limit`."""
    gone = await _discard(store, portal, limit, now)
    async with store.portal(portal, by=by) as desk:
        await desk.changes.note(Change.DISCARDED, now, {"mails": [gone, 0]})
    return gone


async def _discard(store: Store, portal: Portal, limit: int | None, now: datetime) -> int:
    gone = 0
    while limit is None or gone < limit:
        async with store.portal(portal) as desk:
            paused = await desk.connection.paused_since() is not None
            part = _AT_ONCE if limit is None else min(_AT_ONCE, limit - gone)
            cancelled = await desk.held.discard(part, now, paused=paused)
        gone += cancelled
        if cancelled < part:
            break
    return gone
