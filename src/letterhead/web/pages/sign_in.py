"""Sign in: by a password and the second step after it, or by an identity provider."""

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from letterhead.actions import elsewhere, people, second_step
from letterhead.actions.office import Office
from letterhead.actions.passwords import Login
from letterhead.actions.vouching import Identity
from letterhead.errors import Forbidden, LetterheadError, NotFound, TooMany, Unreachable
from letterhead.mail.said import said, spoken
from letterhead.mail.secret import Secret
from letterhead.web.access import client_of, open_to_all, posted
from letterhead.web.door import came_in, own, page
from letterhead.web.session import brought_back, sent_away, signed_in

log = structlog.get_logger(__name__)


async def sign_in(request: Request, office: Office) -> Response:
    """Ask for e-mail address and password, or take them."""
    following = own(request.query_params.get("next", ""))
    if request.method == "GET":
        return page(request, office, "sign-in.html", following=following)
    form = await posted(request, office)
    following = own(form.get("next", ""))
    email = form.get("email", "")
    password = Secret(form.get("password", ""))
    login = Login(email.strip().lower(), password, client_of(request))
    message, status = said("E-mail address or password is wrong."), 422
    try:
        found = await people.sign_in(office.store, login, office.clock())
    except TooMany as error:
        found, message, status = None, spoken(error), 429
    if found:
        return came_in(request, office, found, following)
    values = {"following": following, "email": email, "message": message}
    return page(request, office, "sign-in.html", status, **values)


async def code(request: Request, office: Office) -> Response:
    """Take the code of the second step."""
    form = await posted(request, office)
    token, following = form.get("token", ""), own(form.get("next", ""))
    message, status = said("This code is wrong, or was used already."), 422
    try:
        shown = await second_step.finish(office.store, token, form.get("code", ""), office.clock())
    except TooMany as error:
        shown, message, status = None, spoken(error), 429
    if shown:
        return signed_in(request, shown, following)
    values = {"token": token, "following": following, "message": message}
    return page(request, office, "code.html", status, **values)


async def go_elsewhere(request: Request, office: Office) -> Response:
    """Send somebody to the identity provider."""
    identity = _identity(office)
    try:
        token = await elsewhere.begin(office.store, client_of(request), office.clock())
        tried = elsewhere.attempt(token.reveal(), office.public_url)
        to = await identity.address(tried)
    except (Forbidden, TooMany, Unreachable) as error:
        return _refused(request, office, identity, error)
    following = own(request.query_params.get("next", ""))
    return sent_away(request, token, following, to)


async def come_back(request: Request, office: Office) -> Response:
    """Let in whom the identity provider vouches for."""
    identity = _identity(office)
    token, following = brought_back(request)
    tried = elsewhere.attempt(token, office.public_url)
    answer = dict(request.query_params)
    try:
        shown = await elsewhere.finish(office.store, identity, tried, answer, now=office.clock())
    except (Forbidden, Unreachable) as error:
        return _refused(request, office, identity, error)
    return signed_in(request, shown, own(following))


ROUTES = [
    Route("/sign-in/provider", open_to_all(go_elsewhere), methods=["GET"]),
    Route("/sign-in/provider/back", open_to_all(come_back), methods=["GET"]),
    Route("/sign-in", open_to_all(sign_in), methods=["GET", "POST"]),
    Route("/sign-in/code", open_to_all(code), methods=["POST"]),
]


def _identity(office: Office) -> Identity:
    if office.identity is None:
        raise NotFound(said("There is no such page."))
    return office.identity


def _refused(
    request: Request, office: Office, identity: Identity, error: LetterheadError
) -> Response:
    """The sign-in page again, with the reason."""
    if isinstance(error, Unreachable):
        log.warning("identity provider unreachable", kind=error.kind)
        message, status = said("{name} does not answer: try again.", name=identity.name), 502
    else:
        message, status = spoken(error), 429 if isinstance(error, TooMany) else 403
    return page(request, office, "sign-in.html", status, message=message)
