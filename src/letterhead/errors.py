"""
The one tree of errors that may leave a module.

    LetterheadError
    +-- Misconfigured   the environment of this process is not right
    +-- Invalid         what came in is not right; names every field
    +-- TooLarge        what came in is over a limit of size
    +-- NotFound        there is no such thing here
    +-- Forbidden       whoever asks is known, and may not do this
        +-- ForeignFrom what is to be sent is from an address that is not the portal's
    +-- Refused         the gate is closed, at a named step
    +-- Conflict        the same key was used for something else
    +-- TooMany         a limit of how often is reached
    +-- Unavailable     the store cannot take anything at the moment
        +-- StorageFull the disk is full
        +-- Moving      the portal is on its way to another cell
            +-- Moved   it is there
    +-- Unreachable     no connection to a server of the outside world
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field, for programs (`code`) and for people (`message`)."""

    field: str
    code: str
    message: str


class LetterheadError(Exception):
    """Anything that Letterhead says no to."""


class Misconfigured(LetterheadError):
    """The environment of this process is not right; the message is one line."""


class Invalid(LetterheadError):
    """What came in is not right; every field at fault is named."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.message}" for each in problems))
        self.problems = tuple(problems)


class TooLarge(LetterheadError):
    """What came in is over a limit of size."""


class NotFound(LetterheadError):
    """There is no such thing, or not for whoever asks."""


class Forbidden(LetterheadError):
    """Whoever asks is known, and may not do this."""


class ForeignFrom(Forbidden):
    """What is to be sent is from an address that is not the portal's, which it refuses."""


class Refused(LetterheadError):
    """The gate is closed; `step` says which of its steps is open, `reason` why if that helps."""

    def __init__(self, step: str, detail: str, reason: str = "") -> None:
        super().__init__(detail)
        self.step = step
        self.reason = reason


class Conflict(LetterheadError):
    """What is asked for cannot be reconciled with what is there."""


class TooMany(LetterheadError):
    """A limit of how often is reached; `retry_after` is in seconds."""

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(LetterheadError):
    """The store cannot take anything at the moment; nothing was kept."""


class StorageFull(Unavailable):
    """The disk is full; nothing was kept."""


class Moving(Unavailable):
    """The portal is on its way to another cell; nothing was kept."""

    words = "This portal is on its way to another cell: try again in a moment."

    def __init__(self) -> None:
        super().__init__(self.words)


class Moved(Moving):
    """The portal is in another cell; nothing was kept."""

    words = "This portal is in another cell: look where it is, and ask there."


class Unreachable(LetterheadError):
    """No connection to a server of the outside world; `kind` says why (a `mail.reply.Kind`)."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
