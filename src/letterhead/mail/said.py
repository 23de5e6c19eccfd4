"""
Sentences for people: in English, with what was filled in kept apart, so that a door can translate.

A rule says `said("Choose one of the ports {ports}.", ports="25, 587")`. That is the English text
to whoever asks no further; the pattern is what the catalogues of other languages go by.
"""

from collections.abc import Mapping
from typing import Any, Self

_PATTERN, _VALUES = "said", "with"  # of a sentence that is kept as JSON


class Said(str):
    """A sentence in English that remembers its pattern, and what was filled in."""

    __slots__ = ("pattern", "values")

    pattern: str
    values: Mapping[str, object]

    def __new__(cls, pattern: str, values: Mapping[str, object]) -> Self:
        made = super().__new__(cls, pattern.format(**values))
        made.pattern = pattern
        made.values = values
        return made

    def __deepcopy__(self, _memo: object) -> Self:
        return self


def said(pattern: str, /, **values: object) -> str:
    """A sentence; it may name other sentences among its values."""
    return Said(pattern, values)


def spoken(error: Exception) -> str:
    """The sentence that an error was raised with."""
    return error.args[0] if error.args and isinstance(error.args[0], str) else str(error)


def kept(value: Any) -> Any:  # noqa: ANN401 - whatever JSON may hold
    """A value as JSON keeps it: with the sentences in it taken apart."""
    match value:
        case Said():
            return {_PATTERN: value.pattern, _VALUES: kept(value.values)}
        case Mapping():
            return {key: kept(each) for key, each in value.items()}
        case list() | tuple():
            return [kept(each) for each in value]
        case _:
            return value


def told(value: Any) -> Any:  # noqa: ANN401 - whatever JSON may hold
    """The value that was kept: with its sentences."""
    match value:
        case Mapping() if value.keys() == {_PATTERN, _VALUES}:
            return Said(value[_PATTERN], told(value[_VALUES]))
        case Mapping():
            return {key: told(each) for key, each in value.items()}
        case list():
            return [told(each) for each in value]
        case _:
            return value
