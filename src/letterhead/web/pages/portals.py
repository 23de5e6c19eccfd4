"""The portals that somebody may see."""

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterhead.actions import portals
from letterhead.errors import Invalid
from letterhead.mail.rights import Right
from letterhead.web.access import SEE_OTHER, Asked, guarded
from letterhead.web.render import Errors

_PAGE = 50


async def find(asked: Asked) -> Response:
    """List portals by slug; who may see one alone is led to it."""
    after = asked.request.query_params.get("after", "")
    async with asked.office.store.look_around() as rows:
        if asked.visitor.sees_all:
            found = await rows.portals(after=after, limit=_PAGE + 1)
        else:
            found = await rows.by_ids([each for each in asked.visitor.roles if each])
    if len(found) == 1 and not asked.visitor.sees_all:
        return RedirectResponse(f"/portals/{found[0].slug}/email-settings", SEE_OTHER)
    more = found[_PAGE - 1].slug if len(found) > _PAGE else None
    return _page(asked, found[:_PAGE], more=more)


async def add(asked: Asked) -> Response:
    """Add a portal."""
    slug, name = (asked.form.get(each, "").strip() for each in ("slug", "name"))
    try:
        async with asked.office.store.platform() as rows:
            await portals.add(rows, slug, name, asked.now)
    except Invalid as error:
        async with asked.office.store.look_around() as rows:
            found = await rows.portals(after="", limit=_PAGE)
        errors = Errors({each.field: each.message for each in error.problems})
        typed = {"slug": slug, "name": name}
        return _page(asked, found, status=422, errors=errors, typed=typed)
    return RedirectResponse(f"/portals/{slug}/email-settings", SEE_OTHER)


ROUTES = [
    Route("/portals", guarded(None, find), methods=["GET"]),
    Route("/portals", guarded(Right.PLATFORM, add), methods=["POST"]),
]


def _page(asked: Asked, found: object, status: int = 200, **values: object) -> Response:
    blank = {"more": None, "errors": Errors(), "typed": {"slug": "", "name": ""}}
    return asked.page("portals.html", {**blank, **values, "portals": found}, status)
