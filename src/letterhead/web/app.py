"""The pages, put together: routes, errors as pages, and headers that keep strangers out."""

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from letterhead import errors
from letterhead.actions.office import Office
from letterhead.errors import LetterheadError
from letterhead.mail.said import said, spoken
from letterhead.web import render
from letterhead.web.access import outside
from letterhead.web.pages import (
    account,
    docs,
    entrance,
    health,
    held,
    history,
    keys,
    messages,
    people,
    platform,
    portals,
    settings,
    sign_in,
    suppressions,
)
from letterhead.web.pages import (
    help as help_pages,
)
from letterhead.web.session import office_of

log = structlog.get_logger(__name__)

# The first parts of the paths that are pages; everything else is the API's.
SEGMENTS = frozenset(
    {
        "",
        "docs",
        "health",
        "platform",
        "sign-in",
        "sign-out",
        "set-up",
        "password",
        "enter",
        "theme",
        "language",
        "help",
        "account",
        "portals",
        "static",
    }
)

# Those of them that a page of the platform may frame: nobody types a password there.
FRAMED = frozenset({"portals", "enter"})

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; frame-src 'self'; base-uri 'none'; "
    "frame-ancestors "
)
ROUTES: list[Route] = [
    route
    for page in (
        docs,
        entrance,
        help_pages,
        sign_in,
        account,
        portals,
        settings,
        messages,
        held,
        people,
        keys,
        suppressions,
        history,
        platform,
        health,
    )
    for route in page.ROUTES
]
_STATUS: dict[type[LetterheadError], tuple[int, str]] = {
    errors.Forbidden: (403, said("You may not do this.")),
    errors.NotFound: (404, said("There is nothing here.")),
    errors.TooLarge: (413, said("This is too large.")),
    errors.Invalid: (422, said("Something is not right.")),
    errors.TooMany: (429, said("Too often.")),
    errors.Unavailable: (503, said("Nothing can be kept at the moment: try again in a minute.")),
    LetterheadError: (409, said("This is not possible now.")),
}


def build(office: Office, document: Callable[[], Mapping[str, Any]]) -> ASGIApp:
    """The application of the pages; `document` gives what OpenAPI says of the API."""
    static = StaticFiles(directory=str(resources.files("letterhead.web") / "static"))
    app = Starlette(
        routes=[*ROUTES, Mount("/static", static)],
        exception_handlers={
            LetterheadError: _refused,
            HTTPException: _no_route,
            Exception: _broken,
        },
    )
    app.state.office = office
    app.state.document = document
    return _Headers(app, office)


class _Headers:
    """Adds what browsers are to keep to."""

    def __init__(self, app: ASGIApp, office: Office) -> None:
        self._app = app
        self._public = office.public_url.startswith("https:")
        self._ancestors = " ".join(office.frame_ancestors) or "'none'"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), scope)
            await send(message)

        await self._app(scope, receive, guarded)

    def _add(self, headers: MutableHeaders, scope: Scope) -> None:
        segment = scope["path"].split("/")[1]
        ancestors = self._ancestors if segment in FRAMED else "'none'"
        headers.setdefault("Content-Security-Policy", f"{_POLICY}{ancestors}")
        headers["X-Content-Type-Options"] = "nosniff"
        # Forms tell their origin; links to other sites tell nothing.
        headers["Referrer-Policy"] = "same-origin"
        headers["Cache-Control"] = "max-age=86400" if segment == "static" else "no-store"
        if self._public or scope["scheme"] == "https":
            headers["Strict-Transport-Security"] = "max-age=31536000"


async def _refused(request: Request, error: Exception) -> Response:
    status, title = next(found for kind, found in _STATUS.items() if isinstance(error, kind))
    return _error(request, status, title, spoken(error))


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _error(
        request, status, said("There is nothing here."), said("The address is not right.")
    )


async def _broken(request: Request, error: Exception) -> Response:
    log.error("page broke", route=request.scope.get("path"), exc_info=error)
    return _error(request, 500, said("Something went wrong on our side."), said("It is logged."))


def _error(request: Request, status: int, title: str, detail: str) -> Response:
    values = {**outside(request, office_of(request)), "title": title, "detail": detail}
    return render.page("error.html", {**values, "status": status}, status)
