"""The tries of one call: what both clients do after each of them."""

from typing import Any

import httpx

from letterhead_client.calls import Call
from letterhead_client.errors import Unavailable
from letterhead_client.retrying import Patience, is_passing, retry_after


class Tries:
    """Says after each try how many seconds to wait for the next, or that it was the last."""

    def __init__(self, call: Call[Any], patience: Patience) -> None:
        self._repeatable = call.repeatable
        self._pauses = patience.pauses()
        self._longest = patience.longest

    def broken(self, error: httpx.TransportError) -> float:
        """Nobody answered; a call that may have been done is not repeated unless it may be."""
        never_left = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        pause = next(self._pauses, None) if self._repeatable or never_left else None
        if pause is None:
            why = str(error) or type(error).__name__
            raise Unavailable(f"Letterhead did not answer: {why}") from error
        return pause

    def answered(self, response: httpx.Response) -> float | None:
        """An answer; None if it is to be taken as it is."""
        if not is_passing(response):
            return None
        pause = next(self._pauses, None)
        asked = min(retry_after(response), self._longest)
        return None if pause is None else max(pause, asked)
