"""Problem JSON (RFC 9457): every error of the API in one form."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from letterhead import errors
from letterhead.errors import LetterheadError, Problem

log = structlog.get_logger(__name__)

_RETRY_AFTER = 5  # seconds, where the store cannot take anything
URN = "urn:letterhead:"


class Malformed(LetterheadError):
    """The body is not JSON at all."""


class Ambiguous(LetterheadError):
    """A field of the request stands there twice, and says whose it is or what it repeats."""


class WrongContentType(LetterheadError):
    """The body is of a type that this route does not read."""


class Unauthorized(LetterheadError):
    """No key, or one that is not known."""


# What each error of ours is in HTTP: status, the end of its URN, title.
_KINDS: dict[type[LetterheadError], tuple[int, str, str]] = {
    Malformed: (400, "malformed", "The body is not valid JSON."),
    Ambiguous: (400, "ambiguous", "The request says something twice."),
    Unauthorized: (401, "unauthorized", "A valid API key is needed."),
    errors.Forbidden: (403, "forbidden", "This key may not do that."),
    errors.NotFound: (404, "not-found", "There is nothing here."),
    errors.Refused: (409, "gate", "A step must be done first."),
    errors.Conflict: (409, "conflict", "This does not fit what is there."),
    errors.TooLarge: (413, "too-large", "The request is too large."),
    WrongContentType: (415, "content-type", "The content type is not supported."),
    errors.Invalid: (422, "invalid", "Something in the request is not right."),
    errors.TooMany: (429, "too-many", "Too many requests."),
    errors.Moved: (421, "moved", "The portal is in another cell."),
    errors.StorageFull: (507, "storage-full", "The disk is full."),
    errors.Unavailable: (503, "unavailable", "Nothing can be taken at the moment."),
}


def problem(error: LetterheadError) -> dict[str, Any]:
    """An error as a problem object."""
    status, name, title = _kind(error)
    found: dict[str, Any] = {
        "type": URN + name,
        "title": title,
        "status": status,
        "detail": str(error),
    }
    if isinstance(error, errors.Invalid):
        found["errors"] = [asdict(each) for each in error.problems]
    if isinstance(error, errors.Refused):
        found["step"] = error.step
        if error.reason:
            found["reason"] = error.reason
    return found


def install(app: FastAPI) -> None:
    """Let every error leave as problem JSON."""

    @app.exception_handler(LetterheadError)
    async def ours(_request: Request, error: LetterheadError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def parameters(_request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(errors.Invalid(_parameter_problems(error.errors())))

    @app.exception_handler(HTTPException)
    async def routing(_request: Request, error: HTTPException) -> JSONResponse:
        name = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
        found = {"type": URN + name, "title": error.detail, "detail": error.detail}
        return _response({**found, "status": error.status_code}, error.headers)

    @app.exception_handler(Exception)
    async def faults(request: Request, error: Exception) -> JSONResponse:
        log.error("request broke", route=request.scope.get("path"), exc_info=error)
        title = "Something went wrong on our side."
        found = {"type": URN + "fault", "title": title, "status": 500, "detail": "It is logged."}
        return _response(found)


def answer(error: LetterheadError) -> JSONResponse:
    """An error as the response to a request."""
    headers = {}
    if isinstance(error, errors.TooMany):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(_RETRY_AFTER)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="letterhead"'
    return _response(problem(error), headers)


def _kind(error: LetterheadError) -> tuple[int, str, str]:
    return next(kind for cls, kind in _KINDS.items() if isinstance(error, cls))


def _response(found: dict[str, Any], headers: Any = None) -> JSONResponse:  # noqa: ANN401
    return JSONResponse(
        found,
        status_code=found["status"],
        headers=dict(headers or {}),
        media_type="application/problem+json",
    )


def _parameter_problems(found: Sequence[Any]) -> list[Problem]:
    return [Problem(str(each["loc"][-1]), "invalid", each["msg"]) for each in found]
