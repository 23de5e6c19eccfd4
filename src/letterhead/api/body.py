"""Bodies of requests: read within limits, and everything that is wrong with them named at once."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypeVar

import pydantic_core
from fastapi import Request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from letterhead.api.errors import Malformed, WrongContentType
from letterhead.errors import Invalid, Problem, TooLarge

LIMIT = 40 * 1024 * 1024  # octets of a body: a message of 25 MB in base64, and some more

_CODES = {"missing": "required", "extra_forbidden": "unknown"}
_MESSAGES = {
    "required": "This field is required.",
    "unknown": "There is no such field.",
}

M = TypeVar("M", bound="Body")

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _moment(given: Any) -> Any:  # noqa: ANN401 - whatever came
    """Pydantic would take a number for seconds since 1970."""
    if (isinstance(given, str) and not _DATE.match(given)) or isinstance(given, int | float):
        raise PydanticCustomError("moment", "Write a time as in 2026-11-26T08:30:00Z.")
    return given


# A moment with its offset from UTC (RFC 3339).
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_moment)]

# A text that may be left out; null leaves it out, too.
Text = Annotated[str, BeforeValidator(lambda given: "" if given is None else given)]


class Body(BaseModel):
    """
    A body in JSON: types are not bent, and unknown fields are not ignored.

    Every field has a default, so that the rules can be asked of what is right beside what is
    not; that something is missing is for the rules to say.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


async def read(request: Request, model: type[M]) -> tuple[M, list[Problem]]:
    """Read a body; what is wrong with types and fields is given back beside what is right."""
    demand_type(request, "application/json")
    return parse(await octets(request), model)


async def read_strictly(request: Request, model: type[M]) -> M:
    """Read a body that has no rules beyond its types."""
    demand_type(request, "application/json")
    return _whole(await octets(request), model)


async def read_if_any(request: Request, model: type[M]) -> M:
    """Read a body that may be left out."""
    raw = await octets(request)
    if not raw:
        return model()
    demand_type(request, "application/json")
    return _whole(raw, model)


def demand_type(request: Request, *types: str) -> str:
    """The content type without parameters, if it is one of `types`."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in types:
        raise WrongContentType(f"Send {' or '.join(types)}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise WrongContentType("Send the body without Content-Encoding.")
    return given


async def octets(request: Request, *, limit: int = LIMIT) -> bytes:
    """The whole body, as long as it is within the limit."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise TooLarge(f"A request has at most {limit} octets.")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLarge(f"A request has at most {limit} octets.")
        parts.append(part)
    return b"".join(parts)


def parse(raw: bytes, model: type[M]) -> tuple[M, list[Problem]]:
    """Read JSON; fields that are not right are left at their defaults and named."""
    try:
        return model.model_validate_json(raw), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    return model.model_validate_json(_without(raw, found)), _problems(found)


def merged(problems: Sequence[Problem], more: Iterable[Problem]) -> list[Problem]:
    """Problems of types before those of rules: a field that could not be read breaks no rule."""
    named = {_top(each.field) for each in problems}
    return [*problems, *(each for each in more if _top(each.field) not in named)]


def _whole(raw: bytes, model: type[M]) -> M:
    body, problems = parse(raw, model)
    if problems:
        raise Invalid(problems)
    return body


def _without(raw: bytes, found: Sequence[Any]) -> bytes:
    """The same body without the fields at fault; refused if it is no JSON object at all."""
    if any(each["type"] == "json_invalid" for each in found):
        raise Malformed(found[0]["msg"])
    if any(not each["loc"] for each in found):
        raise Invalid([Problem("body", "type", "Send a JSON object.")])
    at_fault = {each["loc"][0] for each in found}
    body = pydantic_core.from_json(raw)
    return json.dumps({key: body[key] for key in body if key not in at_fault}).encode()


def _problems(found: Sequence[Any]) -> list[Problem]:
    return [_problem(each["loc"], each["type"], each["msg"]) for each in found]


def _problem(path: Sequence[Any], kind: str, text: str) -> Problem:
    code = _CODES.get(kind, "type")
    return Problem(".".join(map(str, path)), code, _MESSAGES.get(code, text))


def _top(field: str) -> str:
    return field.partition(".")[0]
