"""Who changed what about a portal."""

from starlette.responses import Response
from starlette.routing import Route

from letterhead.mail.change import Change
from letterhead.mail.rights import Right
from letterhead.web.access import Asked, guarded, number

_PAGE = 50


async def look(asked: Asked) -> Response:
    """The newest changes first."""
    before = number(asked.request.query_params.get("before", ""))
    async with asked.office.store.look(asked.portal) as desk:
        found = await desk.changes.find(before=before, limit=_PAGE + 1)
    older = found[_PAGE - 1].id if len(found) > _PAGE else None
    words = {each.name.lower(): each.value for each in Change}
    return asked.page("history.html", {"changes": found[:_PAGE], "older": older, "words": words})


ROUTES = [Route("/portals/{slug}/history", guarded(Right.MANAGE, look), methods=["GET"])]
