"""Lines: where they end, and how long they are."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from letterhead.mail.lines import has_long_line, with_line_ends
from letterhead.transports.transaction import whole_lines, wire_form

texts = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\xff"])).map(b"".join)


@given(texts)
@example(b"\r\r\n\n\r")
@example(b"one\r\n\n.\r\n")
@example(b"one\r\n\r.\r\n")
def test_every_cr_and_lf_that_stands_alone_becomes_a_line_end(text: bytes) -> None:
    assert with_line_ends(text) == re.sub(rb"\r(?!\n)|(?<!\r)\n", b"\r\n", text)


@given(texts, st.integers(1, 5))
def test_a_line_is_long_where_no_lf_comes_for_so_many_octets(text: bytes, length: int) -> None:
    assert has_long_line(text, length=length) is any(
        len(each) >= length for each in text.split(b"\n")
    )


@given(st.lists(texts, max_size=3))
def test_on_the_wire_no_line_begins_with_a_single_dot(pieces: list[bytes]) -> None:
    lines = wire_form(pieces).split(b"\r\n")

    assert lines.pop() == b""  # the last line is ended, or there is none
    assert not any(re.search(rb"[\r\n]", each) for each in lines)
    assert all(each.startswith(b"..") for each in lines if each.startswith(b"."))
    assert b"".join(each.removeprefix(b".") + b"\r\n" for each in lines) == whole_lines(pieces)
