"""The log of messages as CSV (RFC 4180), made part by part while it is being sent."""

import csv
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import datetime
from io import StringIO
from typing import Any

from letterhead.mail.portal import Portal
from letterhead.store.messages import Found, Search
from letterhead.store.store import Store

COLUMNS = (
    *("message_id", "accepted_at", "class", "subject", "recipient", "copy", "status"),
    *("attempts", "settled_at", "fault", "reply", "header_message_id"),
)

_AT_ONCE = 500  # messages
# What spreadsheets take for the beginning of a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}")


async def lines(store: Store, portal: Portal, search: Search) -> AsyncIterator[str]:
    """The table of what a search finds, the newest first: a line a recipient, times in UTC."""
    yield _text([COLUMNS])
    search = replace(search, limit=_AT_ONCE, after_id=None)
    while True:
        async with store.look(portal) as desk:
            held = await desk.connection.paused_since() is not None
            found = await desk.messages.find(search, held=held)
        if found:
            yield _text(row for each in found for row in _rows(each, held=held))
        if len(found) < _AT_ONCE:
            return
        search = replace(search, before_id=found[-1].message.id)


def _rows(found: Found, *, held: bool) -> Iterable[Iterable[object]]:
    message = found.message
    for to in found.recipients:
        waits = held and to.status == "queued" and to.lane == "live"
        reply = f"{to.reply['code']} {to.reply['text']}" if to.reply else ""
        yield (
            *(message.id, message.created_at, message.message_class, message.subject),
            *(to.email, "yes" if to.copy else "no", "held" if waits else to.status),
            *(to.attempts, to.settled_at, to.fault, reply, message.header_id),
        )


def _text(rows: Iterable[Iterable[object]]) -> str:
    written = StringIO()
    csv.writer(written).writerows([_cell(each) for each in row] for row in rows)
    return written.getvalue()


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever a row holds
    """A cell; one that a spreadsheet would run begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULAS) else text
