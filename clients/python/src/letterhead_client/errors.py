"""
What can go wrong, as exceptions named after what happened.

    LetterheadError
        Unavailable        nobody answers, or the service cannot take anything now (503, 507)
        Refused            the service says no
            Unauthorized   the key is not known, or was revoked (401)
            Forbidden      the key may not do this (403)
            NotFound       there is no such thing in this portal (404)
            Conflict       it does not fit what is there; a step of the gate is open (409)
            TooLarge       (413)
            Invalid        something in the request is not right (422); `errors` names the fields
            TooMany        (429); `retry_after` in seconds
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class LetterheadError(Exception):
    """Whatever this package raises."""


class Unavailable(LetterheadError):
    """Nobody answers, or nothing can be taken now, also after all tries; nothing is known lost."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A field of the request that is not right, and why."""

    field: str
    code: str
    message: str


class Refused(LetterheadError):
    """The service says no: `problem` is its whole answer (RFC 9457)."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.problem = problem
        self.status = int(problem.get("status", 0))
        self.type = str(problem.get("type", ""))
        self.errors = [_field_problem(each) for each in problem.get("errors", ())]
        super().__init__(self._words())

    def _words(self) -> str:
        said = str(self.problem.get("detail") or self.problem.get("title") or self.status)
        fields = "; ".join(f"{each.field}: {each.message}" for each in self.errors)
        return f"{said} ({fields})" if fields and fields not in said else said


class Unauthorized(Refused):
    """The key is not known, or it was revoked."""


class Forbidden(Refused):
    """The key may not do this."""


class NotFound(Refused):
    """There is no such thing in this portal."""


class Conflict(Refused):
    """It does not fit what is there."""

    @property
    def step(self) -> str | None:
        """The step of the gate that is open, if that is the reason."""
        return self.problem.get("step")


class TooLarge(Refused):
    """The message, or the request, is too large."""


class Invalid(Refused):
    """Something in the request is not right; `errors` names every field."""


class TooMany(Refused):
    """Too many requests: try again after `retry_after` seconds."""

    retry_after: float = 0.0


_KINDS: Mapping[int, type[Refused]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    429: TooMany,
}


def refusal(problem: Mapping[str, Any]) -> Refused:
    """The exception that a problem object stands for."""
    return _KINDS.get(int(problem.get("status", 0)), Refused)(problem)


def _field_problem(found: Mapping[str, Any]) -> FieldProblem:
    return FieldProblem(*(str(found.get(each, "")) for each in ("field", "code", "message")))
