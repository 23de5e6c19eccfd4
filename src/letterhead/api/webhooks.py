"""Where a platform is told what happens to a portal's mail."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field

from letterhead.actions import webhooks
from letterhead.api import show
from letterhead.api.access import By, OfficeOf, acting_portal
from letterhead.api.body import Body, merged, read
from letterhead.api.openapi import takes
from letterhead.errors import Invalid
from letterhead.mail.portal import Portal, Scope
from letterhead.mail.webhook import checked

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

Reader = Annotated[Portal, Depends(acting_portal(Scope.READ))]
Owner = Annotated[Portal, Depends(acting_portal(Scope.SETTINGS))]


class WebhookBody(Body):
    """Where to post what happens (https), and which events; none named means all of them."""

    url: str = ""
    events: list[str] = Field(default=[])


@router.get("")
async def find(office: OfficeOf, portal: Reader) -> show.Json:
    """The webhooks of the portal, with how many calls wait and why the last one failed."""
    async with office.store.look(portal) as desk:
        found = await desk.webhooks.find()
    return {"items": [show.webhook(each) for each in found], "next_cursor": None}


@router.post("", status_code=201, openapi_extra=takes(WebhookBody))
async def add(request: Request, office: OfficeOf, portal: Owner, by: By) -> show.Json:
    """Add a webhook. Calls are signed with its secret, which is shown this once."""
    body, problems = await read(request, WebhookBody)
    url, more = checked(body.url, body.events, office.ports)
    if problems := merged(problems, more):
        raise Invalid(problems)
    kinds = list(dict.fromkeys(body.events))
    async with office.store.portal(portal, by=by) as desk:
        number, secret = await webhooks.add(desk, url, kinds, office.clock())
        added = next(each for each in await desk.webhooks.find() if each.id == number)
    return {**show.webhook(added), "secret": secret.reveal()}


@router.delete("/{webhook_id}", status_code=204)
async def remove(
    office: OfficeOf, portal: Owner, webhook_id: Annotated[int, Path(ge=1, lt=1 << 31)], by: By
) -> None:
    """Remove a webhook; what it was still to be told is forgotten."""
    async with office.store.portal(portal, by=by) as desk:
        await webhooks.remove(desk, webhook_id, office.clock())
