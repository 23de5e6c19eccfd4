"""Python's own reader of header fields, which fails in odd ways on hostile values."""

from email.errors import HeaderParseError
from email.headerregistry import HeaderRegistry
from functools import lru_cache
from typing import Any

_SHORT = 256  # characters of a value that is remembered: a platform's From is always the same
_REMEMBERED = 512  # fields

_registry = HeaderRegistry()


def parsed(name: str, value: str) -> Any:  # noqa: ANN401 - made up by the registry
    """The field as an object of its kind, not to be changed; None if it cannot be read."""
    return (_remembered if len(value) <= _SHORT else _read)(name, value)


def _read(name: str, value: str) -> Any:  # noqa: ANN401 - made up by the registry
    try:
        return _registry(name, value)
    except (HeaderParseError, ValueError, IndexError, AttributeError, TypeError, RecursionError):
        # The parser of Python 3.11 is known to fail so.
        return None


_remembered = lru_cache(_REMEMBERED)(_read)
