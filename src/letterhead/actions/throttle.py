"""How often somebody may be wrong; a try counts before it is looked at, not afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from letterhead.errors import TooMany
from letterhead.mail.rights import (
    BEGINNINGS_OF_ADDRESS,
    CODE_FAILURES_SPAN,
    FAILURES_OF_ACCOUNT,
    FAILURES_OF_ADDRESS,
    FAILURES_OF_CODE,
    FAILURES_SPAN,
)
from letterhead.mail.said import said
from letterhead.store.people import PeopleRows


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures within a span, of one account or address."""

    who: str
    most: int
    span: timedelta


def of_password(email: str, client: str) -> Sequence[Limit]:
    """The limits of a sign-in from an address."""
    return (
        Limit(f"account {email}", FAILURES_OF_ACCOUNT, FAILURES_SPAN),
        Limit(f"address {client}", FAILURES_OF_ADDRESS, FAILURES_SPAN),
    )


def of_code(email: str) -> Sequence[Limit]:
    """The limit of the second step."""
    return (Limit(f"code {email}", FAILURES_OF_CODE, CODE_FAILURES_SPAN),)


def of_beginnings(client: str) -> Sequence[Limit]:
    """The limit of sign-ins elsewhere that an address begins."""
    return (Limit(f"beginnings {client}", BEGINNINGS_OF_ADDRESS, FAILURES_SPAN),)


async def counted(rows: PeopleRows, limits: Sequence[Limit], now: datetime) -> Sequence[int]:
    """Count a try as failed; gives what to forgive if it was right. TooMany over a limit."""
    for each in limits:
        if await rows.failures(each.who, now - each.span) >= each.most:
            minutes = int(each.span.total_seconds() // 60)
            detail = said(
                "Too many sign-ins failed: try again in {minutes} minutes.", minutes=minutes
            )
            raise TooMany(detail, retry_after=minutes * 60)
    await rows.forget_failures(now - CODE_FAILURES_SPAN)
    return await rows.note_failures([each.who for each in limits], now)
