"""Whom a portal does not write to any more."""

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterhead.errors import NotFound
from letterhead.mail import address, faults
from letterhead.mail.rights import Right
from letterhead.mail.said import said, spoken
from letterhead.web.access import SEE_OTHER, Asked, guarded
from letterhead.web.render import Errors

_PAGE = 100


async def look(asked: Asked) -> Response:
    """The suppressed addresses, by address."""
    return await _page(asked)


async def add(asked: Asked) -> Response:
    """Suppress an address."""
    typed = asked.form.get("email", "").strip()
    try:
        email = address.address(typed)
    except ValueError as error:
        return await _page(asked, errors=Errors({"email": spoken(error)}), typed=typed, status=422)
    async with asked.office.store.portal(asked.portal) as desk:
        await desk.suppressions.add(email, asked.now)
    return _back(asked)


async def remove(asked: Asked) -> Response:
    """Write to an address again."""
    async with asked.office.store.portal(asked.portal) as desk:
        if not await desk.suppressions.remove(asked.form.get("email", "")):
            raise NotFound(said("This address is not suppressed."))
    return _back(asked)


_PATH = "/portals/{slug}/suppressions"
ROUTES = [
    Route(_PATH, guarded(Right.MESSAGES, look), methods=["GET"]),
    Route(_PATH, guarded(Right.SEND, add), methods=["POST"]),
    Route(f"{_PATH}/remove", guarded(Right.SEND, remove), methods=["POST"]),
]


async def _page(asked: Asked, *, status: int = 200, **values: object) -> Response:
    query = asked.request.query_params
    wanted, after = query.get("q", "").strip(), query.get("after", "")
    async with asked.office.store.look(asked.portal) as desk:
        found = await desk.suppressions.find(wanted, after=after, limit=_PAGE + 1)
    more = found[_PAGE - 1].email if len(found) > _PAGE else ""
    shown = {"suppressed": found[:_PAGE], "more": more, "wanted": wanted}
    blank = {"errors": Errors(), "typed": "", "fault_of": faults.by_code}
    return asked.page("suppressions.html", {**blank, **shown, **values}, status)


def _back(asked: Asked) -> Response:
    return RedirectResponse(f"/portals/{asked.portal.slug}/suppressions", SEE_OTHER)
