"""The octets of a message as they come, by DATA or in chunks, within bounds."""

from letterhead.mail.message import MESSAGE_LIMIT

_END = b"\r\n.\r\n"
# With the dots that DATA doubles; a message that is still too large is refused when it is read.
_KEPT = MESSAGE_LIMIT + MESSAGE_LIMIT // 8
SWALLOWED = 4 * MESSAGE_LIMIT  # octets that are read to no purpose before the connection ends

_FREE = 64 * 1024  # octets of each message that always find room
_ROOM = 256 * 1024 * 1024  # octets beyond, of all messages that come in at the same time


class Room:
    """The memory for all messages that come in at the same time."""

    def __init__(self, octets: int = _ROOM) -> None:
        self._left = octets

    def take(self, octets: int) -> bool:
        """Take so much, if it is there."""
        if octets > self._left:
            return False
        self._left -= octets
        return True

    def give_back(self, octets: int) -> None:
        self._left += octets


class Content:
    """One message; what has no room or is too large is counted and forgotten."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._taken = 0
        self._octets = bytearray()
        self.size = 0
        self.crowded = False

    @property
    def too_large(self) -> bool:
        return self.size > _KEPT

    def add(self, octets: bytes) -> None:
        self.size += len(octets)
        if self.too_large or not self._has_room():
            self.forget()
        else:
            self._octets += octets

    def octets(self) -> bytes:
        """All of it, given away: the room is free again."""
        found = bytes(self._octets)
        self.forget()
        return found

    def forget(self) -> None:
        """Give the room back."""
        self._octets = bytearray()
        self._room.give_back(self._taken)
        self._taken = 0

    def _has_room(self) -> bool:
        more = self.size - _FREE - self._taken
        if more > 0 and not self.crowded:
            self.crowded = not self._room.take(more)
            self._taken += 0 if self.crowded else more
        return not self.crowded


class Dotted:
    """Content by DATA: it ends with CRLF.CRLF and nothing else (RFC 5321, section 4.1.1.4)."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._tail = b"\r\n"  # what may begin the end; DATA itself was the end of a line

    @property
    def size(self) -> int:
        return self._content.size

    @property
    def too_large(self) -> bool:
        return self._content.too_large

    @property
    def crowded(self) -> bool:
        return self._content.crowded

    def take(self, buffer: bytearray) -> bool:
        """Move what belongs to the message out of `buffer`; True if its end was there."""
        text = self._tail + buffer
        end = text.find(_END)
        if end < 0:
            cut = max(0, len(text) - len(_END) + 1)
            self._content.add(text[:cut])
            self._tail = text[cut:]
            buffer.clear()
            return False
        self._content.add(text[: end + 2])
        buffer[:] = text[end + len(_END) :]
        return True

    def octets(self) -> bytes:
        """The message, its dots as they were meant (section 4.5.2)."""
        return self._content.octets().replace(b"\r\n.", b"\r\n")[2:]
