"""Held mail: why it waits, what waits, and letting it go or giving it up."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterhead.actions import held, settings
from letterhead.errors import Invalid, LetterheadError, NotFound, Problem
from letterhead.mail import faults
from letterhead.mail.letter import Lane
from letterhead.mail.rights import Right
from letterhead.mail.said import said, spoken
from letterhead.web.access import SEE_OTHER, Asked, guarded, hex_id, number
from letterhead.web.render import Errors

_PAGE = 50


async def look(asked: Asked) -> Response:
    """What is held, the oldest first."""
    return await _page(asked)


async def _resume(asked: Asked) -> None:
    async with asked.office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        await settings.resume(desk, asked.now)


async def _release(asked: Asked) -> None:
    limit = _limit(asked)
    async with asked.office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        await held.release(desk, limit, asked.now)


async def _discard(asked: Asked) -> None:
    limit = _limit(asked)
    if not asked.form.get("sure"):
        raise Invalid(
            [Problem("sure", "required", said("Say that you are sure: it cannot be undone."))]
        )
    await held.discard(asked.office.store, asked.portal, limit, asked.now, by=asked.visitor.email)


ACTIONS: Mapping[str, tuple[Callable[[Asked], Awaitable[None]], Right]] = {
    "resume": (_resume, Right.EDIT_SETTINGS),
    "release": (_release, Right.SWITCH),
    "discard": (_discard, Right.SWITCH),
}


async def act(asked: Asked) -> Response:
    """Do what a button asks for."""
    name = asked.request.path_params["action"]
    if name not in ACTIONS:
        raise NotFound(said("There is no such button."))
    action, right = ACTIONS[name]
    asked.demand(right)
    try:
        await action(asked)
    except Invalid as error:
        errors = Errors({each.field: each.message for each in error.problems})
        return await _page(asked, errors=errors, pressed=name, status=422)
    except LetterheadError as error:
        return await _page(asked, note=spoken(error), status=409)
    asked.office.wake((asked.portal.id, Lane.LIVE))
    return RedirectResponse(f"/portals/{asked.portal.slug}/held", SEE_OTHER)


_PATH = "/portals/{slug}/held"
ROUTES = [
    Route(_PATH, guarded(Right.MESSAGES, look), methods=["GET"]),
    Route(f"{_PATH}/{{action}}", guarded(Right.MESSAGES, act), methods=["POST"]),
]


async def _page(asked: Asked, *, status: int = 200, **values: object) -> Response:
    after = hex_id(asked.request.query_params.get("after", ""))
    async with asked.office.store.look(asked.portal) as desk:
        trouble, reply = await desk.connection.trouble() or (None, None)
        paused = await desk.connection.paused_since() is not None
        count = await desk.held.count(paused=paused)
        found = await desk.held.find(paused=paused, after=after, limit=_PAGE + 1)
    shown = {
        "trouble": trouble,
        "fault": faults.by_code(trouble.fault) if trouble else None,
        "reply": reply,
        "count": count,
        "found": found[:_PAGE],
        "more": found[_PAGE - 1].id if len(found) > _PAGE else "",
    }
    blank = {"errors": Errors(), "note": "", "pressed": "", "typed": asked.form.get("limit", "")}
    return asked.page("held.html", {**blank, **shown, **values}, status)


def _limit(asked: Asked) -> int | None:
    """How many, the oldest first; None stands for all of them."""
    text = asked.form.get("limit", "").strip()
    if not text:
        return None
    found = number(text)
    if not found:
        raise Invalid(
            [Problem("limit", "invalid", said("Enter a number of 1 or more, or nothing."))]
        )
    return found
