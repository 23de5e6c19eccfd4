"""Whom a portal does not write to any more."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from letterhead.actions.office import Office
from letterhead.api import show
from letterhead.api.access import OfficeOf, acting_portal
from letterhead.api.body import Body, read_strictly
from letterhead.api.openapi import takes
from letterhead.errors import Invalid, NotFound, Problem
from letterhead.mail import address
from letterhead.mail.portal import Portal, Scope
from letterhead.mail.said import spoken

router = APIRouter(prefix="/suppressions", tags=["suppressions"])

_PAGE = 200

Reader = Annotated[Portal, Depends(acting_portal(Scope.READ))]
Sender = Annotated[Portal, Depends(acting_portal(Scope.SEND))]


class SuppressionBody(Body):
    """An address that is not to be written to any more."""

    email: str = ""


class Filter(Body, strict=False):
    """Which addresses to find."""

    q: str = ""
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = 50
    cursor: str = ""


@router.get("")
async def find(office: OfficeOf, portal: Reader, wanted: Annotated[Filter, Query()]) -> show.Json:
    """The suppressed addresses of the portal, by address."""
    limit = wanted.limit
    async with office.store.look(portal) as desk:
        rows = await desk.suppressions.find(wanted.q, after=wanted.cursor, limit=limit + 1)
    return {
        "items": [show.suppression(each) for each in rows[:limit]],
        "next_cursor": rows[limit - 1].email if len(rows) > limit else None,
    }


@router.post("", status_code=201, openapi_extra=takes(SuppressionBody))
async def add(request: Request, office: OfficeOf, portal: Sender) -> show.Json:
    """Suppress an address; one that is suppressed already stays as it is."""
    body = await read_strictly(request, SuppressionBody)
    try:
        email = address.address(body.email)
    except ValueError as error:
        raise Invalid([Problem("email", "invalid", spoken(error))]) from error
    async with office.store.portal(portal) as desk:
        return show.suppression(await desk.suppressions.add(email, office.clock()))


@router.delete("", status_code=204)
async def remove_named(office: OfficeOf, portal: Sender, email: str) -> None:
    """Write to an address again (`?email=`)."""
    await _remove(office, portal, email)


@router.delete("/{email}", status_code=204)
async def remove(office: OfficeOf, portal: Sender, email: str) -> None:
    """Write to an address again."""
    await _remove(office, portal, email)


async def _remove(office: Office, portal: Portal, email: str) -> None:
    async with office.store.portal(portal) as desk:
        if not await desk.suppressions.remove(email):
            raise NotFound("This address is not suppressed.")
