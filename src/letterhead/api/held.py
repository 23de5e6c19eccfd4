"""Mail that is held while a connection is paused: look, release, discard, fall back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from letterhead.actions import held, settings
from letterhead.api import show
from letterhead.api.access import By, OfficeOf, named_portal
from letterhead.api.body import Body, read_if_any, read_strictly
from letterhead.api.openapi import takes
from letterhead.api.settings import went_live
from letterhead.errors import Invalid, Problem
from letterhead.mail.letter import Lane
from letterhead.mail.portal import Portal, Scope

router = APIRouter(prefix="/portals/{slug}", tags=["held mail"])

_PAGE = 200

Seen = Annotated[Portal, Depends(named_portal(Scope.READ))]
Changed = Annotated[Portal, Depends(named_portal(Scope.SETTINGS))]


class PartBody(Body):
    """How many recipients, the oldest first; without a limit all of them."""

    limit: int | None = None


class FallbackBody(Body):
    """Whether mail takes the platform's route while the portal's connection is paused."""

    enabled: bool | None = None


@router.get("/held")
async def find(
    office: OfficeOf,
    portal: Seen,
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = 50,
    cursor: Annotated[str, Query(pattern="^([0-9a-f]{32})?$")] = "",
) -> show.Json:
    """The recipients whose mail is held, oldest first."""
    async with office.store.look(portal) as desk:
        since = await desk.connection.paused_since()
        paused = since is not None
        count = await desk.held.count(paused=paused)
        rows = await desk.held.find(paused=paused, after=cursor, limit=limit + 1)
    return {
        "count": count,
        "items": [show.held(each, since) for each in rows[:limit]],
        "next_cursor": rows[limit - 1].id if len(rows) > limit else None,
    }


@router.post("/held/release", openapi_extra=takes(PartBody))
async def release(request: Request, office: OfficeOf, portal: Changed, by: By) -> show.Json:
    """Try the connection with held mail, all of it or the oldest; the rest is kept back."""
    limit = await _limit(request)
    async with office.store.portal(portal, by=by) as desk:
        released = await held.release(desk, limit, office.clock())
    office.wake((portal.id, Lane.LIVE))
    return {"released": released}


@router.post("/held/discard", openapi_extra=takes(PartBody))
async def discard(request: Request, office: OfficeOf, portal: Changed, by: By) -> show.Json:
    """Cancel held mail, all of it or the oldest."""
    limit = await _limit(request)
    return {"discarded": await held.discard(office.store, portal, limit, office.clock(), by=by)}


@router.put("/email-settings/fallback", openapi_extra=takes(FallbackBody))
async def fall_back(request: Request, office: OfficeOf, portal: Changed, by: By) -> show.Json:
    """Let mail take the platform's route while the connection is paused, or hold it."""
    body = await read_strictly(request, FallbackBody)
    if body.enabled is None:
        raise Invalid([Problem("enabled", "required", "Send true or false.")])
    async with office.store.portal(portal, by=by) as desk:
        await settings.fall_back(desk, office.clock(), enabled=body.enabled)
    return await went_live(office, portal)


@router.post("/email-settings/resume")
async def resume(office: OfficeOf, portal: Changed, by: By) -> show.Json:
    """Let a held connection try again at once: with one mail, and with all if that goes well."""
    async with office.store.portal(portal, by=by) as desk:
        await settings.resume(desk, office.clock())
    return await went_live(office, portal)


async def _limit(request: Request) -> int | None:
    body = await read_if_any(request, PartBody)
    if body.limit is not None and body.limit < 1:
        raise Invalid([Problem("limit", "invalid", "Use a number of 1 or more.")])
    return body.limit
