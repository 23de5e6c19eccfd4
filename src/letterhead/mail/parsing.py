"""Python's own reader of header fields, which fails in odd ways on hostile values."""

from email.errors import HeaderParseError
from email.headerregistry import HeaderRegistry
from typing import Any

_registry = HeaderRegistry()


def parsed(name: str, value: str) -> Any:  # noqa: ANN401 - made up by the registry
    """The field as an object of its kind; None if it cannot be read."""
    try:
        return _registry(name, value)
    except (HeaderParseError, ValueError, IndexError, AttributeError, TypeError, RecursionError):
        # The parser of Python 3.11 is known to fail so.
        return None
