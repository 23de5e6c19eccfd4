"""Come in by a link, and go out: set-up, a chosen password, one-time addresses; the looks."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterhead.actions import people
from letterhead.actions.office import Office
from letterhead.errors import Invalid, NotFound
from letterhead.mail.rights import TicketKind
from letterhead.mail.said import said
from letterhead.mail.secret import Secret
from letterhead.store.people import Ticket
from letterhead.web import session
from letterhead.web.access import SEE_OTHER, Asked, guarded, open_to_all, posted, to_sign_in
from letterhead.web.door import came_in, own, page
from letterhead.web.render import Errors
from letterhead.web.session import signed_in, signed_out
from letterhead.web.speech import LANGUAGE
from letterhead.web.words import LANGUAGES, SOURCE

_YEAR = 365 * 24 * 3600  # seconds


async def set_up(request: Request, office: Office) -> Response:
    """Make the first operator."""
    token = request.query_params.get("token", "")
    await _demand_link(office, token, TicketKind.SET_UP)
    if request.method == "GET":
        return page(request, office, "set-up.html", first=True)
    form = await posted(request, office)
    email, password = form.get("email", ""), Secret(form.get("password", ""))
    try:
        shown = await people.set_up(office.store, token, email, password, now=office.clock())
    except Invalid as error:
        return page(request, office, "set-up.html", 422, first=True, email=email, **_of(error))
    return signed_in(request, shown, "/portals")


async def password(request: Request, office: Office) -> Response:
    """Let an invited person choose a password; who has one accepts, signed in."""
    token = request.query_params.get("token", "")
    ticket = await _demand_link(office, token, TicketKind.PASSWORD)
    async with office.store.look_at_people() as rows:
        has_account = await rows.password_hash(ticket.email) is not None
    if ticket.role and has_account:
        return await _accept(request, office, ticket)
    if request.method == "GET":
        return page(request, office, "set-up.html", first=False)
    typed = Secret((await posted(request, office)).get("password", ""))
    try:
        found = await people.choose_password(office.store, token, typed, office.clock())
    except Invalid as error:
        return page(request, office, "set-up.html", 422, first=False, **_of(error))
    return came_in(request, office, found, "/portals")


async def _accept(request: Request, office: Office, ticket: Ticket) -> Response:
    """Ask a person with an account whether they take a role; another one is led to the sign-in."""
    async with office.store.look_at_people() as rows:
        visitor = await rows.visitor(session.shown(request), office.clock())
    if visitor is None or visitor.email != ticket.email or not visitor.has_account:
        return to_sign_in(request)
    if request.method == "GET":
        values = {"email": ticket.email, "where": await _where(office, ticket)}
        return page(request, office, "accept.html", 200, **values)
    await posted(request, office)
    token = request.query_params.get("token", "")
    await people.accept(office.store, token, visitor, office.clock())
    return RedirectResponse("/portals", SEE_OTHER)


async def _where(office: Office, ticket: Ticket) -> str:
    """What a role is for, in words."""
    if ticket.portal_id is None:
        return said("every portal of {platform}", platform=office.platform.name)
    async with office.store.look_around() as rows:
        portal = await rows.portal_by_id(ticket.portal_id)
    return portal.name if portal else ""


async def enter(request: Request, office: Office) -> Response:
    """Come in by an address of the platform, or a consultant's pass."""
    token = request.query_params.get("token", "")
    shown, portal_id = await people.enter(office.store, token, office.clock())
    async with office.store.look_around() as rows:
        portal = await rows.portal_by_id(portal_id)
    slug = portal.slug if portal else ""
    return signed_in(request, shown, f"/portals/{slug}/email-settings")


async def sign_out(asked: Asked) -> Response:
    """End the session."""
    async with asked.office.store.people() as rows:
        await rows.end(asked.token)
    return signed_out(asked.request)


async def theme(asked: Asked) -> Response:
    """Light or dark."""
    response = RedirectResponse(own(asked.form.get("back", "")), SEE_OTHER)
    chosen = "dark" if asked.form.get("theme") == "dark" else "light"
    response.set_cookie("theme", chosen, max_age=_YEAR, httponly=True, samesite="lax")
    return response


async def language(request: Request, office: Office) -> Response:
    """Choose the language of the pages."""
    form = await posted(request, office)
    response = RedirectResponse(own(form.get("back", "")), SEE_OTHER)
    chosen = form.get("language", "")
    response.set_cookie(
        LANGUAGE,
        chosen if chosen in LANGUAGES else SOURCE,
        max_age=_YEAR,
        httponly=True,
        samesite="lax",
    )
    return response


async def home(_asked: Asked) -> Response:
    return RedirectResponse("/portals", SEE_OTHER)


ROUTES = [
    Route("/", guarded(None, home)),
    Route("/set-up", open_to_all(set_up), methods=["GET", "POST"]),
    Route("/password", open_to_all(password), methods=["GET", "POST"]),
    Route("/enter", open_to_all(enter)),
    Route("/sign-out", guarded(None, sign_out), methods=["POST"]),
    Route("/language", open_to_all(language), methods=["POST"]),
    Route("/theme", guarded(None, theme), methods=["POST"]),
]


async def _demand_link(office: Office, token: str, kind: TicketKind) -> Ticket:
    async with office.store.look_at_people() as rows:
        found = await rows.find(token, kind, office.clock())
    if found is None:
        raise NotFound(said("This link has been used, or its time is over: ask for a new one."))
    return found


def _of(error: Invalid) -> dict[str, Errors]:
    return {"errors": Errors({each.field: each.message for each in error.problems})}
