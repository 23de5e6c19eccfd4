"""The lines of a text, looked at quickly."""

from typing import AnyStr


def has_long_line(text: AnyStr, *, end: AnyStr, length: int) -> bool:
    """
    Whether `length` characters or octets in a row hold no `end` of a line.

    Looks for ends in strides: a pattern would look at everything again and again.
    """
    start = 0
    while start + length <= len(text):
        found = text.rfind(end, start, start + length)
        if found < 0:
            return True
        start = found + 1
    return False
