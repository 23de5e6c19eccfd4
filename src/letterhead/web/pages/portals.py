"""The portals that somebody may see; for operators, how they stand, and how one leaves."""

from collections.abc import Sequence

from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from letterhead.actions import portals
from letterhead.errors import Conflict, Invalid, Problem
from letterhead.mail import faults
from letterhead.mail.letter import PLATFORM
from letterhead.mail.rights import Right
from letterhead.mail.said import said, spoken
from letterhead.mail.settings import Type
from letterhead.web.access import SEE_OTHER, Asked, guarded
from letterhead.web.render import Errors

_PAGE = 50
_GONE = 20  # deleted portals that are shown


async def find(asked: Asked) -> Response:
    """List portals by slug; who may see one alone is led to it."""
    if not asked.visitor.sees_all:
        async with asked.office.store.look_around() as rows:
            own = await rows.portals(after="", limit=2, among=_own(asked))
        if len(own) == 1:
            return RedirectResponse(f"/portals/{own[0].slug}/email-settings", SEE_OTHER)
    return await _page(asked)


async def add(asked: Asked) -> Response:
    """Add a portal."""
    slug, name = (asked.form.get(each, "").strip() for each in ("slug", "name"))
    try:
        async with asked.office.store.platform(by=asked.visitor.email) as rows:
            await portals.add(rows, slug, name, asked.now)
    except Invalid as error:
        errors = Errors({each.field: each.message for each in error.problems})
        return await _page(asked, 422, errors=errors, typed={"slug": slug, "name": name})
    return RedirectResponse(f"/portals/{slug}/email-settings", SEE_OTHER)


async def leave(asked: Asked) -> Response:
    """What a portal takes along, and what goes with it."""
    return await _leaving(asked)


async def export(asked: Asked) -> Response:
    """All that is kept of a portal, to be kept elsewhere."""
    async with asked.office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        await portals.export(desk, asked.now)
    name = f"{asked.portal.slug}-{asked.now:%Y-%m-%d}.jsonl"
    return StreamingResponse(
        asked.office.store.rows_of(asked.portal),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def delete(asked: Asked) -> Response:
    """Delete a portal, once its short name is typed."""
    try:
        _demand_meant(asked)
        by, discards = asked.visitor.email, bool(asked.form.get("discard"))
        async with asked.office.store.portal(asked.portal, by=by) as desk:
            await portals.delete(desk, asked.now, by=by, discards=discards)
    except Invalid as error:
        errors = Errors({each.field: each.message for each in error.problems})
        return await _leaving(asked, 422, errors=errors)
    except Conflict as error:
        return await _leaving(asked, 409, errors=Errors({"discard": spoken(error)}))
    return RedirectResponse("/portals", SEE_OTHER)


_LEAVING = "/portals/{slug}/leave"
ROUTES = [
    Route("/portals", guarded(None, find), methods=["GET"]),
    Route("/portals", guarded(Right.PLATFORM, add), methods=["POST"]),
    Route(_LEAVING, guarded(Right.PLATFORM, leave), methods=["GET"]),
    Route(_LEAVING, guarded(Right.PLATFORM, delete), methods=["POST"]),
    Route(f"{_LEAVING}/export", guarded(Right.PLATFORM, export), methods=["POST"]),
]


async def _page(asked: Asked, status: int = 200, **values: object) -> Response:
    query = asked.request.query_params
    after, wanted = query.get("after", ""), query.get("q", "").strip()
    async with asked.office.store.look_around() as rows:
        among = None if asked.visitor.sees_all else _own(asked)
        found = await rows.portals(after=after, limit=_PAGE + 1, text=wanted, among=among)
        troubles = await rows.troubles(found[:_PAGE])
        gone = await rows.gone(_GONE) if asked.visitor.sees_all else ()
    own = {each.id: troubles.get(_connection(each.live.type, each.id)) for each in found[:_PAGE]}
    shown = {
        "portals": found[:_PAGE],
        "more": found[_PAGE - 1].slug if len(found) > _PAGE else None,
        "wanted": wanted,
        "troubles": own,
        "gone": gone,
        "fault_of": faults.by_code,
        "Type": Type,
    }
    blank = {"errors": Errors(), "typed": {"slug": "", "name": ""}}
    return asked.page("portals.html", {**blank, **shown, **values}, status)


def _own(asked: Asked) -> Sequence[int]:
    """The portals in which somebody has a role."""
    return [each for each in asked.visitor.roles if each]


def _demand_meant(asked: Asked) -> None:
    if asked.form.get("slug", "").strip() != asked.portal.slug:
        message = said("Type {slug} to say that you mean it.", slug=asked.portal.slug)
        raise Invalid([Problem("slug", "wrong", message)])


def _connection(type_: Type, portal_id: int) -> int:
    """Whose connection mail takes: the portal's own, or the platform's."""
    return PLATFORM if type_ is Type.DEFAULT else portal_id


async def _leaving(asked: Asked, status: int = 200, **values: object) -> Response:
    async with asked.office.store.look(asked.portal) as desk:
        waiting = await desk.leaving.waiting()
    typed = asked.form.get("slug", "")
    shown = {"errors": Errors(), "waiting": waiting, "typed": typed, **values}
    return asked.page("leave.html", shown, status)
