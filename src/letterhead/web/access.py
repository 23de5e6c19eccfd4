"""Who looks at a page, and whether they may: a cookie becomes a visitor, a name the portal."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from letterhead.actions import held
from letterhead.actions.office import Office
from letterhead.errors import Forbidden, NotFound, TooLarge
from letterhead.mail.portal import Portal
from letterhead.mail.rights import Right, Visitor
from letterhead.mail.said import said
from letterhead.store.people import digest
from letterhead.web import render, session
from letterhead.web.rooms import links
from letterhead.web.session import is_framed, office_of
from letterhead.web.speech import Speech, speech_of

FORM_LIMIT = 64 * 1024  # bytes
FIELDS_LIMIT = 100
SEE_OTHER = 303
_DEPTH = 4  # parts of the path of a portal's page, the empty one before it counted
_HEX = frozenset("0123456789abcdef")
_DIGITS = 10  # of a number that fits into 32 bits


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a page, by somebody who may make it."""

    request: Request
    office: Office
    visitor: Visitor
    token: str  # what the cookie holds
    form: Mapping[str, str]
    of: Portal | None = None
    holds: bool = False  # whether mail of the portal is held

    @property
    def portal(self) -> Portal:
        assert self.of is not None  # noqa: S101 - for pages below a portal only
        return self.of

    @property
    def speech(self) -> Speech:
        return speech_of(self.request)

    @property
    def now(self) -> datetime:
        return self.office.clock()

    def may(self, right: Right) -> bool:
        return self.visitor.may(right, self.of.id if self.of else None)

    def demand(self, right: Right) -> None:
        if not self.may(right):
            raise Forbidden(f"You may not {right.value} here.")

    def page(self, name: str, values: Mapping[str, Any], status: int = 200) -> Response:
        """A page in the frame that everybody sees who is signed in."""
        frame = {
            "asked": self,
            "visitor": self.visitor,
            "portal": self.of,
            "csrf": csrf(self.token),
            "Right": Right,
            "links": links(self.visitor, self.of, _path(self.request), held=self.holds),
            **outside(self.request, self.office),
        }
        return render.page(name, {**frame, **values}, status)


Page = Callable[[Asked], Awaitable[Response]]
OpenPage = Callable[[Request, Office], Awaitable[Response]]


def guarded(right: Right | None, page: Page) -> Callable[[Request], Awaitable[Response]]:
    """A page for who is signed in and has the right; None asks for no more than being there."""

    async def endpoint(request: Request) -> Response:
        office = office_of(request)
        token = session.shown(request)
        async with office.store.look_at_people() as people:
            visitor = await people.visitor(token, office.clock()) if token else None
        if visitor is None:
            return _stranger(request, office)
        portal, holds = await _portal(request, office, visitor)
        if right and not visitor.may(right, portal.id if portal else None):
            raise Forbidden(said("You may not {do} here.", do=said(right.value)))
        form = await posted(request, office) if request.method == "POST" else {}
        if request.method == "POST" and not hmac.compare_digest(
            form.get("csrf", "").encode(), csrf(token).encode()
        ):
            raise Forbidden(
                said("This form is too old: go back, load the page again, and repeat it.")
            )
        return await page(Asked(request, office, visitor, token, form, portal, holds))

    endpoint.right = right  # type: ignore[attr-defined] # read by tests
    return endpoint


def _stranger(request: Request, office: Office) -> Response:
    """Lead to the sign-in; but in a frame nobody is asked for a password."""
    if is_framed(request):
        return render.page("signed-out.html", outside(request, office), 401)
    return to_sign_in(request)


def to_sign_in(request: Request) -> Response:
    """Lead to the sign-in, and back here afterwards."""
    return RedirectResponse(f"/sign-in?{urlencode({'next': _path(request)})}", SEE_OTHER)


def open_to_all(page: OpenPage) -> Callable[[Request], Awaitable[Response]]:
    """A page for whoever comes: to sign in."""

    async def endpoint(request: Request) -> Response:
        return await page(request, office_of(request))

    return endpoint


def client_of(request: Request) -> str:
    """The address that a request comes from; a trusted proxy has said it."""
    return request.client.host if request.client else ""


def csrf(token: str) -> str:
    """What a form must bring along: known to pages of this session alone."""
    return digest(f"csrf {token}")


async def posted(request: Request, office: Office) -> Mapping[str, str]:
    """The fields of a form, from one of our own pages."""
    _demand_own_page(request, office)
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > FORM_LIMIT:
            raise TooLarge(said("This form is too large."))
    try:
        text = raw.decode("ascii", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_LIMIT))
    except ValueError as error:
        raise TooLarge(said("This form has too many fields.")) from error


def numbered(asked: Asked, field: str) -> int:
    """The number of a row that a button names."""
    found = number(asked.form.get(field, ""))
    if found is None:
        raise NotFound(said("There is nothing with this number."))
    return found


def number(text: str) -> int | None:
    """The number of a row as text; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _DIGITS else None


def hex_id(text: str) -> str:
    """The id of a message or a recipient as text; empty for anything else."""
    return text if text and _HEX.issuperset(text) else ""


def outside(request: Request, office: Office) -> dict[str, Any]:
    """What every page shows, signed in or not."""
    theme = request.cookies.get("theme", "")
    return {
        "platform": office.platform,
        "texts": office.texts,
        "captures": office.captures,
        "path": _place(request),
        "speech": speech_of(request),
        "framed": is_framed(request),
        "theme": theme if theme in {"light", "dark"} else "light",
    }


def _demand_own_page(request: Request, office: Office) -> None:
    """Browsers say where a form comes from (Fetch Metadata; Origin, RFC 6454)."""
    origin = request.headers.get("origin")
    if origin is not None:
        own = {urlsplit(office.public_url).netloc, request.headers.get("host", "")}
        if urlsplit(origin).netloc not in own:
            raise Forbidden(said("This form comes from another site."))
    elif request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden(said("This form comes from another site."))


async def _portal(request: Request, office: Office, visitor: Visitor) -> tuple[Portal | None, bool]:
    """
    The portal that the path names, and whether its mail is held.

    For who has no role there, there is none.
    """
    slug = request.path_params.get("slug")
    if slug is None:
        return None, False
    async with office.store.look_around() as rows:
        portal = await rows.portal(slug, lambda number: visitor.may(Right.SEE_SETTINGS, number))
        if portal is None:
            raise NotFound(said("There is no such page."))
    async with office.store.look(portal) as desk:
        return portal, await held.anything(desk)


def _place(request: Request) -> str:
    """Where somebody is, to come back to: the answer to a form belongs to the page of the form."""
    path = _path(request)
    return path if request.method == "GET" else "/".join(path.split("/")[:_DEPTH])


def _path(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
