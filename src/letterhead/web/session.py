"""The cookie of a session: bound to this host behind TLS, and within a frame to the page around."""

from http import HTTPStatus
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from letterhead.actions.office import Office
from letterhead.mail.rights import CODE_AWAITED
from letterhead.mail.secret import Secret

SECONDS_AWAY = int(CODE_AWAITED.total_seconds())

_SESSION, _AWAY = "letterhead", "letterhead-away"  # the cookies
_FRAMES = frozenset({"iframe", "frame"})


def office_of(request: Request) -> Office:
    found = request.app.state.office
    assert isinstance(found, Office)  # noqa: S101 - set by `web.app.build`
    return found


def shown(request: Request) -> str:
    """What the cookie holds; empty without one."""
    return request.cookies.get(_name(request), "")


def signed_in(request: Request, token: Secret, to: str) -> Response:
    """Hand over the cookie of a session."""
    response = RedirectResponse(to, HTTPStatus.SEE_OTHER)
    response.headers.append("set-cookie", _cookie(request, token.reveal()))
    return response


def signed_out(request: Request) -> Response:
    """Take the cookie back; a browser takes it only in the form in which it was given."""
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    response.headers.append("set-cookie", _cookie(request, "", seconds=0))
    return response


def sent_away(request: Request, token: Secret, following: str, to: str) -> Response:
    """Send a browser to the identity provider; a cookie keeps what it must bring back."""
    response = RedirectResponse(to, HTTPStatus.SEE_OTHER)
    value = f"{token.reveal()}.{quote(following, safe='')}"
    response.headers.append("set-cookie", _cookie(request, value, _AWAY, SECONDS_AWAY))
    return response


def brought_back(request: Request) -> tuple[str, str]:
    """What `sent_away` has kept: the token, and where to go on; both empty without it."""
    token, _, following = request.cookies.get(_name(request, _AWAY), "").partition(".")
    return token, unquote(following)


def is_secure(request: Request) -> bool:
    """Whether people come by TLS: ours, or that of a proxy (which says so, or the address does)."""
    return request.url.scheme == "https" or office_of(request).public_url.startswith("https:")


def is_framed(request: Request) -> bool:
    """Whether the page is to stand in a frame of a host that the operator lists."""
    dest = request.headers.get("sec-fetch-dest")  # Fetch Metadata; absent in old browsers
    return bool(office_of(request).frame_ancestors) and dest in _FRAMES


def _name(request: Request, name: str = _SESSION) -> str:
    """Behind TLS the name binds the cookie to this host (RFC 6265bis, section 4.1.3)."""
    return f"__Host-{name}" if is_secure(request) else name


def _cookie(request: Request, value: str, name: str = _SESSION, seconds: int | None = None) -> str:
    """
    Write a cookie; without `seconds` it lasts as long as the browser is open.

    In a frame of another site it must say `SameSite=None`; `Partitioned` (CHIPS) keeps it to
    frames of that very site, so that no other site comes by it.
    """
    lasting = "" if seconds is None else f"; Max-Age={seconds}"
    secure = "; Secure" if is_secure(request) else ""
    site = "None; Partitioned" if secure and is_framed(request) else "Lax"
    return f"{_name(request, name)}={value}; Path=/{lasting}; HttpOnly; SameSite={site}{secure}"
