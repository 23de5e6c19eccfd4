"""The lines of a text, looked at and mended quickly."""


def has_long_line(text: bytes, *, length: int) -> bool:
    """
    Whether `length` octets in a row hold no LF.

    Looks for ends in strides: a pattern would look at everything again and again.
    """
    start = 0
    while start + length <= len(text):
        found = text.rfind(b"\n", start, start + length)
        if found < 0:
            return True
        start = found + 1
    return False


def with_line_ends(text: bytes) -> bytes:
    """
    The text with CRLF at the end of each line: bare CR and LF end lines, too (RFC 5321, 2.3.8).

    That all is well is found by single octets, which costs a quarter of a look for pairs.
    """
    mended = text.replace(b"\r", b"").replace(b"\n", b"\r\n")
    if mended == text or b"\r" not in text:
        return mended
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
