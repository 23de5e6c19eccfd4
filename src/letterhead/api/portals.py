"""Portals and their keys."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from letterhead.actions import people, portals
from letterhead.api import show
from letterhead.api.access import By, OfficeOf, allow, named_portal
from letterhead.api.body import Body, merged, read, read_strictly
from letterhead.api.openapi import takes
from letterhead.errors import Invalid, Problem
from letterhead.mail.portal import Portal, Principal, Role, Scope, name_problems, portal_problems

router = APIRouter(tags=["portals"])

_PAGE = 100


class PortalBody(Body):
    """A portal to be added."""

    slug: str = ""
    name: str = ""


class KeyBody(Body):
    """A key to be issued."""

    name: str = "API key"
    scopes: list[str] = Field(default_factory=lambda: [Scope.SEND.value, Scope.READ.value])


class SubmissionBody(Body):
    """What becomes of mail that comes by SMTP from another address than the portal's."""

    refuses_foreign_from: bool | None = None


class SessionBody(Body):
    """Somebody of the platform who is to see the pages of one portal, for `ttl` seconds."""

    email: str = ""
    role: str = Role.ADMIN.value
    ttl: int = 3600


@router.post("/portals", status_code=201, openapi_extra=takes(PortalBody))
async def add(
    request: Request, office: OfficeOf, _: Annotated[Principal, Depends(allow(None))]
) -> show.Json:
    """Add a portal; its mail leaves by the platform's route until its settings say otherwise."""
    body, problems = await read(request, PortalBody)
    if problems := merged(problems, portal_problems(body.slug, body.name)):
        raise Invalid(problems)
    async with office.store.platform() as rows:
        return show.portal(await portals.add(rows, body.slug, body.name, office.clock()))


@router.get("/portals")
async def find(
    office: OfficeOf,
    asking: Annotated[Principal, Depends(allow(Scope.READ))],
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = 50,
    cursor: str = "",
) -> show.Json:
    """The portals that the key may see, by slug."""
    async with office.store.look_around() as rows:
        found = await portals.visible(rows, asking, after=cursor, limit=limit + 1)
    more = len(found) > limit
    return {
        "items": [show.portal(each) for each in found[:limit]],
        "next_cursor": found[limit - 1].slug if more else None,
    }


@router.get("/portals/{slug}")
async def get(portal: Annotated[Portal, Depends(named_portal(Scope.READ))]) -> show.Json:
    """One portal."""
    return show.portal(portal)


@router.put("/portals/{slug}/submission", openapi_extra=takes(SubmissionBody))
async def submission(
    request: Request,
    office: OfficeOf,
    portal: Annotated[Portal, Depends(named_portal(Scope.SETTINGS))],
    by: By,
) -> show.Json:
    """Refuse mail that comes by SMTP from an address not the portal's, or replace its From."""
    body = await read_strictly(request, SubmissionBody)
    if body.refuses_foreign_from is None:
        raise Invalid([Problem("refuses_foreign_from", "required", "Send true or false.")])
    refuses = body.refuses_foreign_from
    async with office.store.portal(portal, by=by) as desk:
        await portals.refuse_foreign_from(desk, office.clock(), refuses=refuses)
    return show.portal(replace(portal, refuses_foreign_from=refuses))


@router.post("/portals/{slug}/keys", status_code=201, openapi_extra=takes(KeyBody))
async def issue_key(
    request: Request,
    office: OfficeOf,
    portal: Annotated[Portal, Depends(named_portal(None))],
    by: By,
) -> show.Json:
    """Issue a key for a portal. It is shown this once."""
    body, problems = await read(request, KeyBody)
    scopes, unknown = _scopes(body.scopes)
    if problems := merged(problems, [*name_problems(body.name), *unknown]):
        raise Invalid(problems)
    async with office.store.platform(by=by) as rows:
        key = await portals.issue_key(rows, portal, body.name, scopes, now=office.clock())
    return {
        "key": key.reveal(),
        "name": body.name,
        "scopes": [each.value for each in scopes],
    }


@router.get("/portals/{slug}/keys")
async def keys(
    office: OfficeOf,
    portal: Annotated[Portal, Depends(named_portal(None))],
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = 50,
    cursor: Annotated[int, Query(ge=0, lt=1 << 31)] = 0,
) -> show.Json:
    """The keys of a portal, without what opens: that was shown once."""
    async with office.store.look_around() as rows:
        found = await rows.keys(portal.id, after=cursor, limit=limit + 1)
    more = len(found) > limit
    return {
        "items": [show.key(each) for each in found[:limit]],
        "next_cursor": str(found[limit - 1].id) if more else None,
    }


@router.delete("/portals/{slug}/keys/{key_id}", status_code=204)
async def revoke_key(
    office: OfficeOf,
    portal: Annotated[Portal, Depends(named_portal(None))],
    key_id: Annotated[int, Path(ge=1, lt=1 << 31)],
    by: By,
) -> None:
    """Revoke a key: from now on it opens nothing."""
    async with office.store.platform(by=by) as rows:
        await portals.revoke_key(rows, portal, key_id, office.clock())


@router.get("/portals/{slug}/export")
async def export(
    office: OfficeOf, portal: Annotated[Portal, Depends(named_portal(None))], by: By
) -> Response:
    """
    Everything that is kept of a portal, as lines of JSON: each names its `table`.

    Settings, people, keys, suppressions, history, counts, messages, recipients and events.
    Passwords, what opens something, and bodies stay here.
    """
    async with office.store.portal(portal, by=by) as desk:
        await portals.export(desk, office.clock())
    return StreamingResponse(office.store.rows_of(portal), media_type="application/x-ndjson")


@router.delete("/portals/{slug}")
async def delete(
    office: OfficeOf,
    portal: Annotated[Portal, Depends(named_portal(None))],
    by: By,
    waiting: Annotated[Literal["discard"] | None, Query()] = None,
) -> show.Json:
    """
    Delete a portal. Nobody finds it any more, and its slug is free; what it has is removed soon.

    While mail waits: 409, unless `waiting=discard` says that it is never to be sent.
    """
    now, discards = office.clock(), waiting is not None
    async with office.store.portal(portal, by=by) as desk:
        gone = await portals.delete(desk, now, by=by, discards=discards)
    return {"slug": portal.slug, "discarded": gone}


def _scopes(named: list[str]) -> tuple[list[Scope], list[Problem]]:
    known = {each.value for each in Scope}
    message = f"Choose from {', '.join(sorted(known))}."
    problems = [
        Problem(f"scopes.{at}", "unknown", message)
        for at, each in enumerate(named)
        if each not in known
    ]
    return [Scope(each) for each in dict.fromkeys(named) if each in known], problems


@router.post("/portals/{slug}/sessions", status_code=201, openapi_extra=takes(SessionBody))
async def open_session(
    request: Request,
    office: OfficeOf,
    portal: Annotated[Portal, Depends(named_portal(None))],
) -> show.Json:
    """
    A one-time address that signs somebody in to this portal's pages.

    It works once, within five minutes or `ttl` if that is shorter; the session lasts `ttl` seconds.
    """
    body, problems = await read(request, SessionBody)
    if problems := merged(problems, people.guest_problems(body.email, body.role, body.ttl)):
        raise Invalid(problems)
    guest = people.Guest(body.email, Role(body.role), body.ttl, sent_by="platform")
    store, now = office.store, office.clock()
    return {"url": await people.entry(store, office.public_url, portal, guest, now=now)}
