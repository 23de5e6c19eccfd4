"""Come in and go out: set-up, sign-in, a chosen password, one-time addresses, the theme."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterhead.actions import people
from letterhead.actions.office import Office
from letterhead.errors import Invalid, LetterheadError, NotFound, TooMany
from letterhead.mail.rights import TicketKind
from letterhead.mail.said import said, spoken
from letterhead.mail.secret import Secret
from letterhead.web import render
from letterhead.web.access import (
    SEE_OTHER,
    Asked,
    cookie_name,
    guarded,
    open_to_all,
    outside,
    posted,
    signed_in,
)
from letterhead.web.render import Errors
from letterhead.web.speech import LANGUAGE
from letterhead.web.words import LANGUAGES, SOURCE

_YEAR = 365 * 24 * 3600  # seconds


async def sign_in(request: Request, office: Office) -> Response:
    """Ask for e-mail address and password, or take them."""
    following = _own(request.query_params.get("next", ""))
    if request.method == "GET":
        return _page(request, office, "sign-in.html", following=following)
    form = await posted(request, office)
    following = _own(form.get("next", ""))
    email = form.get("email", "")
    problem: LetterheadError | None = None
    try:
        token = await people.sign_in(
            office.store,
            email,
            Secret(form.get("password", "")),
            client=request.client.host if request.client else "",
            now=office.clock(),
        )
    except TooMany as error:
        token, problem = None, error
    if token:
        return signed_in(office, token, following)
    message = spoken(problem) if problem else said("E-mail address or password is wrong.")
    status = 429 if problem else 422
    values = {"following": following, "email": email, "message": message}
    return _page(request, office, "sign-in.html", status, **values)


async def set_up(request: Request, office: Office) -> Response:
    """Make the first operator."""
    token = request.query_params.get("token", "")
    await _demand_link(office, token, TicketKind.SET_UP)
    if request.method == "GET":
        return _page(request, office, "set-up.html", first=True)
    form = await posted(request, office)
    email, password = form.get("email", ""), Secret(form.get("password", ""))
    try:
        shown = await people.set_up(office.store, token, email, password, now=office.clock())
    except Invalid as error:
        return _page(request, office, "set-up.html", 422, first=True, email=email, **_of(error))
    return signed_in(office, shown, "/portals")


async def password(request: Request, office: Office) -> Response:
    """Let an invited person choose a password."""
    token = request.query_params.get("token", "")
    await _demand_link(office, token, TicketKind.PASSWORD)
    if request.method == "GET":
        return _page(request, office, "set-up.html", first=False)
    typed = Secret((await posted(request, office)).get("password", ""))
    try:
        shown = await people.choose_password(office.store, token, typed, office.clock())
    except Invalid as error:
        return _page(request, office, "set-up.html", 422, first=False, **_of(error))
    return signed_in(office, shown, "/portals")


async def enter(request: Request, office: Office) -> Response:
    """Come in by an address of the platform, or a consultant's pass."""
    token = request.query_params.get("token", "")
    shown, portal_id = await people.enter(office.store, token, office.clock())
    async with office.store.look_around() as rows:
        portal = await rows.portal_by_id(portal_id)
    slug = portal.slug if portal else ""
    return signed_in(office, shown, f"/portals/{slug}/email-settings")


async def sign_out(asked: Asked) -> Response:
    """End the session."""
    async with asked.office.store.people() as rows:
        await rows.end(asked.token)
    response = RedirectResponse("/sign-in", SEE_OTHER)
    response.delete_cookie(cookie_name(asked.office))
    return response


async def theme(asked: Asked) -> Response:
    """Light or dark."""
    response = RedirectResponse(_own(asked.form.get("back", "")), SEE_OTHER)
    chosen = "dark" if asked.form.get("theme") == "dark" else "light"
    response.set_cookie("theme", chosen, max_age=_YEAR, httponly=True, samesite="lax")
    return response


async def language(request: Request, office: Office) -> Response:
    """Choose the language of the pages."""
    form = await posted(request, office)
    response = RedirectResponse(_own(form.get("back", "")), SEE_OTHER)
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
    Route("/sign-in", open_to_all(sign_in), methods=["GET", "POST"]),
    Route("/set-up", open_to_all(set_up), methods=["GET", "POST"]),
    Route("/password", open_to_all(password), methods=["GET", "POST"]),
    Route("/enter", open_to_all(enter)),
    Route("/sign-out", guarded(None, sign_out), methods=["POST"]),
    Route("/language", open_to_all(language), methods=["POST"]),
    Route("/theme", guarded(None, theme), methods=["POST"]),
]


async def _demand_link(office: Office, token: str, kind: TicketKind) -> None:
    async with office.store.look_at_people() as rows:
        if await rows.find(token, kind, office.clock()) is None:
            raise NotFound(said("This link has been used, or its time is over."))


def _own(path: str) -> str:
    """A path of ours to go on with, never another site."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if ours and not parts.netloc else "/portals"


def _of(error: Invalid) -> dict[str, Errors]:
    return {"errors": Errors({each.field: each.message for each in error.problems})}


def _page(
    request: Request, office: Office, name: str, status: int = 200, **values: object
) -> Response:
    blank = {"email": "", "message": "", "errors": Errors(), "following": "/portals"}
    return render.page(name, {**outside(request, office), **blank, **values}, status)
