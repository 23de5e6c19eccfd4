"""One's own account: another password, and the second step of the sign-in."""

import segno
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterhead.actions import passwords, second_step
from letterhead.actions.passwords import Login
from letterhead.errors import Forbidden, Invalid, LetterheadError, TooMany
from letterhead.mail import totp
from letterhead.mail.said import said, spoken
from letterhead.mail.secret import Secret
from letterhead.web.access import SEE_OTHER, Asked, client_of, guarded
from letterhead.web.render import Errors
from letterhead.web.session import signed_in

_PATH = "/account"
_CODES = "account-codes.html"
_SET_UP = "account-second-step.html"


async def look(asked: Asked) -> Response:
    """What belongs to whoever is signed in."""
    return await _page(asked)


async def change_password(asked: Asked) -> Response:
    """Take another password; everybody else who is signed in with the old one is signed out."""
    _demand_account(asked)
    new = Secret(asked.form.get("new_password", ""))
    try:
        token = await passwords.change(asked.office.store, _login(asked), new, asked.now)
    except (Invalid, TooMany) as error:
        return await _page(asked, part="password", error=error)
    return signed_in(asked.request, token, f"{_PATH}?done=password")


async def begin(asked: Asked) -> Response:
    """Show a secret for an app."""
    return _set_up(asked, second_step.new_secret())


async def switch_on(asked: Asked) -> Response:
    """Take the first code of the app, and show the recovery codes."""
    _demand_account(asked)
    secret = Secret(asked.form.get("secret", ""))
    code, email = asked.form.get("code", ""), asked.visitor.email
    try:
        codes = await second_step.switch_on(asked.office.store, email, secret, code, now=asked.now)
    except Invalid as error:
        return _set_up(asked, secret, error)
    return asked.page(_CODES, {"codes": codes})


async def switch_off(asked: Asked) -> Response:
    """Ask for no code any more."""
    _demand_account(asked)
    code = asked.form.get("code", "")
    try:
        await second_step.switch_off(asked.office.store, _login(asked), code, asked.now)
    except (Invalid, TooMany) as error:
        return await _page(asked, part="second-step", error=error)
    return RedirectResponse(f"{_PATH}?done=off", SEE_OTHER)


ROUTES = [
    Route(_PATH, guarded(None, look), methods=["GET"]),
    Route(f"{_PATH}/password", guarded(None, change_password), methods=["POST"]),
    Route(f"{_PATH}/second-step/begin", guarded(None, begin), methods=["POST"]),
    Route(f"{_PATH}/second-step/on", guarded(None, switch_on), methods=["POST"]),
    Route(f"{_PATH}/second-step/off", guarded(None, switch_off), methods=["POST"]),
]


def _demand_account(asked: Asked) -> None:
    if not asked.visitor.has_account:
        raise Forbidden(said("You came in by a link: there is no account to change."))


def _login(asked: Asked) -> Login:
    """The password that somebody types again."""
    password = Secret(asked.form.get("password", ""))
    return Login(asked.visitor.email, password, client_of(asked.request))


async def _page(asked: Asked, part: str = "", error: LetterheadError | None = None) -> Response:
    _demand_account(asked)
    email = asked.visitor.email
    async with asked.office.store.look_at_people() as rows:
        values = {
            "has_password": await rows.password_hash(email) is not None,
            "is_on": await rows.second_steps.has(email),
            "codes_left": await rows.second_steps.recovery_codes(email),
        }
    done = asked.request.query_params.get("done", "")
    told = {"part": part, "errors": _by_field(error), "note": _note(error), "done": done}
    return asked.page("account.html", {**values, **told}, _status(error))


def _set_up(asked: Asked, secret: Secret, error: Invalid | None = None) -> Response:
    _demand_account(asked)
    uri = totp.address(secret, asked.visitor.email, asked.office.platform.name)
    values = {
        "secret": secret.reveal(),
        "picture": segno.make(uri, micro=False).svg_data_uri(scale=5, light="white"),
        "errors": _by_field(error),
    }
    return asked.page(_SET_UP, values, _status(error))


def _by_field(error: LetterheadError | None) -> Errors:
    problems = error.problems if isinstance(error, Invalid) else ()
    return Errors({each.field: each.message for each in problems})


def _note(error: LetterheadError | None) -> str:
    return spoken(error) if isinstance(error, TooMany) else ""


def _status(error: LetterheadError | None) -> int:
    match error:
        case None:
            return 200
        case TooMany():
            return 429
        case _:
            return 422
