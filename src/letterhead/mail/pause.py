"""The pause that a server's words ask for: "try again in 300 seconds"."""

import re
from datetime import timedelta

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(hours=24)

_NAMED = re.compile(
    r"\b(?:(?P<header>retry[ -]after)"
    r"|again|retry|retrying|come back|reconnect|resend|wait|(?:grey|gray)listed|deferred)\b"
    r"(?: (?:later|please|sending|delivery))*[ ,:=(]*"
    r"(?:(?:in|after|for|at least|about|another) ){0,3}"
    r"(?:(?P<clock>[0-9]{1,3}(?::[0-5][0-9]){1,2})\b"
    r"|(?P<number>[0-9]{1,9}) ?(?P<unit>[a-z]*)|(?:an?|one) (?P<one>[a-z]+))"
)
_UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60}
_UNITS |= {"h": 3600, "hr": 3600, "hour": 3600, "d": 86400, "day": 86400}


def asked(sentence: str) -> timedelta | None:
    """The pause that a sentence in lower case asks for, kept within a second and a day."""
    for found in _NAMED.finditer(sentence):
        seconds = _seconds(found)
        if seconds is not None:
            return min(max(timedelta(seconds=seconds), SHORTEST), LONGEST)
    return None


def _seconds(found: re.Match[str]) -> int | None:
    if found["clock"]:
        hours, minutes, seconds = [0, 0, *map(int, found["clock"].split(":"))][-3:]
        return hours * 3600 + minutes * 60 + seconds
    if found["header"] and not found["unit"]:
        return int(found["number"] or 0)
    unit = found["unit"] or found["one"] or ""
    scale = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
    return int(found["number"] or 1) * scale if scale else None
