"""Lines out of what has come, however it was cut into packets (RFC 5321, section 2.3.8)."""

from letterhead.submission import replies

LINE_LIMIT = 12_288  # octets: what AUTH may need (RFC 4954, section 4)


class Lines:
    """What has come and was not taken yet; messages take their octets from `rest`."""

    def __init__(self) -> None:
        self.rest = bytearray()
        self._overlong = False

    def feed(self, octets: bytes) -> None:
        self.rest += octets

    def clear(self) -> None:
        self.rest.clear()
        self._overlong = False

    def next(self) -> str | bytes | None:
        """The next line as text, the reply to one that is none, or None if it is not whole yet."""
        end = self.rest.find(b"\n")
        if end < 0:
            if len(self.rest) > LINE_LIMIT:
                self._overlong = True
                self.rest.clear()
            return None
        line, overlong = bytes(self.rest[: end + 1]), self._overlong or end >= LINE_LIMIT
        del self.rest[: end + 1]
        self._overlong = False
        return replies.TOO_LONG if overlong else _text(line)


def _text(line: bytes) -> str | bytes:
    text = line.removesuffix(b"\r\n")
    if text == line or b"\r" in text or b"\0" in text:
        return replies.BARE
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return replies.NOT_TEXT
