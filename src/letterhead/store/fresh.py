"""Bodies that were accepted or claimed a moment ago: who sends them here need not read them."""

import time
from collections.abc import Iterable, Mapping

from letterhead.mail.letter import Letter

OCTETS = 8 * 1024 * 1024
MOMENT = 5.0  # seconds after which a body that nobody took makes room


class Fresh:
    """
    Bodies on disk that are still in memory, for the one time that each is mostly read.

    Whoever finds none here reads the database. Nothing is kept before `open`: a process that only
    takes mail in has nobody who would take it out.
    """

    def __init__(self, moment: float = MOMENT) -> None:
        self._moment = moment
        self._room = 0
        self._bodies: dict[str, tuple[float, bytes]] = {}  # the oldest first

    def open(self, octets: int = OCTETS) -> None:
        """Keep so much from now on."""
        self._room = octets

    def keep(self, letter: Letter) -> None:
        """Keep the body of one that is due at once, if there is room."""
        if letter.due <= letter.created_at:
            self.put(letter.id, letter.content)

    def put(self, message_id: str, content: bytes) -> None:
        """Keep a body that somebody is about to send, if there is room."""
        now = time.monotonic()
        if message_id not in self._bodies and self._makes_room(len(content), now):
            self._room -= len(content)
            self._bodies[message_id] = (now, content)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._bodies

    def take(self, message_ids: Iterable[str]) -> Mapping[str, bytes]:
        """Those of the bodies that are here; they are not any more."""
        return {each: self._taken(each) for each in message_ids if each in self._bodies}

    def _makes_room(self, octets: int, now: float) -> bool:
        """Whether there is room, when what nobody took is forgotten."""
        while octets > self._room and self._bodies:
            oldest = next(iter(self._bodies))
            if self._bodies[oldest][0] + self._moment > now:
                return False
            self._taken(oldest)
        return octets <= self._room

    def _taken(self, message_id: str) -> bytes:
        _, content = self._bodies.pop(message_id)
        self._room += len(content)
        return content
