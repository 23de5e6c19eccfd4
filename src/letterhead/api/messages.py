"""The log of messages: find, look, cancel, resolve, send again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field

from letterhead.actions import messages
from letterhead.api import show
from letterhead.api.access import By, OfficeOf, acting, acting_portal, allow
from letterhead.api.body import Body, Moment, read
from letterhead.api.openapi import takes
from letterhead.errors import Invalid, Problem
from letterhead.mail.letter import Lane
from letterhead.mail.outcome import Status
from letterhead.mail.portal import Portal, Principal, Scope
from letterhead.store.messages import Search
from letterhead.store.store import Desk

router = APIRouter(prefix="/messages", tags=["messages"])

_PAGE = 200
_RESOLUTIONS = {"sent": Status.SENT, "resend": Status.QUEUED}

Reader = Annotated[Portal, Depends(acting_portal(Scope.READ))]
MaySend = Annotated[Principal, Depends(allow(Scope.SEND))]
Sender = Annotated[Portal, Depends(acting_portal(Scope.SEND))]


class ResolveBody(Body):
    """What became of an uncertain recipient: `sent`, or `resend`."""

    recipient: str = ""
    as_: str = Field("", alias="as")


class Filter(Body, strict=False):
    """Which messages to find."""

    status: Status | None = None
    q: str = ""
    since: Moment | None = None
    until: Moment | None = None
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = 50
    cursor: Annotated[str, Query(pattern="^[0-9a-f]{32}$")] | None = None


@router.get("")
async def find(office: OfficeOf, portal: Reader, wanted: Annotated[Filter, Query()]) -> show.Json:
    """The newest messages first; `status` is that of any recipient."""
    async with office.store.look(portal) as desk:
        held = await _holds(desk)
        found = await desk.messages.find(_search(wanted), held=held)
    page = found[: wanted.limit]
    return {
        "items": [show.message(each, held=held) for each in page],
        "next_cursor": page[-1].message.id if len(found) > wanted.limit else None,
    }


@router.get("/{message_id}")
async def get(office: OfficeOf, portal: Reader, message_id: str) -> show.Json:
    """One message and its recipients."""
    async with office.store.look(portal) as desk:
        found = await messages.get(desk, message_id)
        return show.message(found, held=await _holds(desk))


@router.get("/{message_id}/events")
async def events(office: OfficeOf, portal: Reader, message_id: str) -> show.Json:
    """What happened to a message, oldest first, with the servers' replies."""
    async with office.store.look(portal) as desk:
        found = await messages.get(desk, message_id)
        rows = await desk.messages.events(message_id)
    return {"items": show.events(found, rows), "next_cursor": None}


@router.get("/{message_id}/body")
async def body(
    office: OfficeOf,
    portal: Annotated[Portal, Depends(acting_portal(Scope.BODIES))],
    message_id: str,
) -> Response:
    """The message as it was accepted: From, Reply-To and Message-ID come when it is sent."""
    async with office.store.look(portal) as desk:
        content = await messages.readable(desk, message_id)
    return Response(content, media_type="message/rfc822")


@router.post("/{message_id}/cancel")
async def cancel(office: OfficeOf, portal: Sender, message_id: str, by: By) -> show.Json:
    """Cancel every recipient that is not being sent yet."""
    async with office.store.portal(portal, by=by) as desk:
        found = await messages.cancel(desk, message_id, office.clock())
        return show.message(found, held=await _holds(desk))


@router.post("/{message_id}/send-again", status_code=202)
async def send_again(
    request: Request, office: OfficeOf, asking: MaySend, message_id: str
) -> show.Json:
    """Send a message once more, to those who did not get it, or to all if everybody did."""
    portal = await acting(request, asking)
    wanted = messages.Repetition(message_id, asking.known_as, asking.is_platform)
    now = office.clock()
    return show.receipt(
        await messages.send_again(office.store, office.intake, portal, wanted, now=now)
    )


@router.post("/{message_id}/resolve", openapi_extra=takes(ResolveBody))
async def resolve(
    request: Request, office: OfficeOf, portal: Sender, message_id: str, *, by: By
) -> show.Json:
    """Decide what became of an uncertain recipient."""
    body, problems = await read(request, ResolveBody)
    if body.as_ not in _RESOLUTIONS:
        problems.append(Problem("as", "unknown", "Choose sent or resend."))
    if problems:
        raise Invalid(problems)
    status = _RESOLUTIONS[body.as_]
    async with office.store.portal(portal, by=by) as desk:
        now = office.clock()
        found = await messages.resolve(desk, message_id, body.recipient, status, now=now)
        shown = show.message(found, held=await _holds(desk))
    office.wake((portal.id, Lane.LIVE))
    return shown


async def _holds(desk: Desk) -> bool:
    """Whether the portal's connection is paused, so that what waits is held."""
    return await desk.connection.paused_since() is not None


def _search(wanted: Filter) -> Search:
    return Search(
        status=wanted.status,
        text=wanted.q,
        since=wanted.since,
        until=wanted.until,
        before_id=wanted.cursor,
        limit=wanted.limit + 1,
    )
