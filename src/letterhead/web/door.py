"""What the pages share that let somebody in."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from letterhead.actions.office import Office
from letterhead.actions.people import Halfway
from letterhead.mail.secret import Secret
from letterhead.web import render
from letterhead.web.access import outside
from letterhead.web.render import Errors
from letterhead.web.session import signed_in


def page(
    request: Request, office: Office, name: str, status: int = 200, **values: object
) -> Response:
    """A page for who is not signed in."""
    provider = office.identity.name if office.identity else ""
    blank = {"email": "", "message": "", "errors": Errors(), "following": "/portals"}
    blank["provider"] = provider
    return render.page(name, {**outside(request, office), **blank, **values}, status)


def came_in(request: Request, office: Office, found: Secret | Halfway, following: str) -> Response:
    """Hand over the session, or ask for the second step."""
    if isinstance(found, Secret):
        return signed_in(request, found, following)
    values = {"token": found.token.reveal(), "following": following}
    return page(request, office, "code.html", 200, **values)


def own(path: str) -> str:
    """A path of ours to go on with, never another site."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if ours and not parts.netloc else "/portals"
