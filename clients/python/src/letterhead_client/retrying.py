"""When a call is made once more: what is repeated is recognised by its idempotency key."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

# Nothing is wrong with the request; a proxy or the service is busy, starting or full, or a portal
# has moved, and the directory of whoever routes the request is late (421).
_PASSING = frozenset({421, 429, 502, 503, 504, 507})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """
    How often to try, and how long to wait between.

    The pauses double from `first` up to `longest` seconds, each shortened by chance by up to a
    half so that many clients do not come back at once; a `Retry-After` of the service is obeyed
    up to `longest`.
    """

    tries: int = 5
    first: float = 0.25
    longest: float = 30.0

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before the second try, the third, and so on."""
        for number in range(self.tries - 1):
            pause = min(self.first * 2**number, self.longest)
            yield pause * random.uniform(0.5, 1)  # noqa: S311 - no secret


def is_passing(response: httpx.Response) -> bool:
    """Whether the same request may be answered otherwise in a while."""
    return response.status_code in _PASSING


def retry_after(response: httpx.Response) -> float:
    """The seconds that the service asks for (RFC 9110, section 10.2.3); 0 without a number."""
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdecimal() else 0.0
