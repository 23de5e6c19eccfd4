"""When to try again."""

import zlib
from datetime import datetime, timedelta

PATIENCE = timedelta(days=5)  # RFC 5321, section 4.5.4.1, asks for four or five days

# Of one recipient. The two short first pauses are for greylisting and passing troubles.
_PAUSES = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60, 180))
# Of a connection that cannot be made at the moment: everybody's mail waits behind it.
_BACKOFF = tuple(timedelta(seconds=each) for each in (15, 60, 180, 300))
# Of a connection that somebody must mend: at most one login in five minutes, or accounts lock.
_PROBES = tuple(timedelta(minutes=each) for each in (5, 10, 20, 40, 60))
_LOGINS = _PROBES[0]
_JITTER = 0.2  # at most so much longer, so that not everybody comes back at once


def next_attempt(attempt: int, *, now: datetime, key: str) -> datetime:
    """
    Say when attempt number `attempt + 1` of a recipient is due.

    The pauses grow and then stay: 1, 5, 15, 60 and 180 minutes, 180, 180, ...; `key` scatters
    them.
    """
    return now + _spread(_PAUSES[min(attempt, len(_PAUSES)) - 1], key)


def next_connection(failures: int, *, now: datetime, gently: bool) -> datetime:
    """
    Say when a connection that failed `failures` times in a row may be tried again.

    `gently` says that each try may count as a wrong login.
    """
    pauses = _PROBES if gently else _BACKOFF
    return now + pauses[min(failures, len(pauses)) - 1]


def by_a_person(last: datetime | None, *, now: datetime) -> datetime:
    """
    Say when a connection is tried that a person wants tried, and had tried at `last` before.

    Once at once: they may have mended it elsewhere. Then no sooner than an account can take.
    """
    return max(now, last + _LOGINS) if last else now


def scattered(due: datetime, *, now: datetime, key: str) -> datetime:
    """Up to twice as late: for those who got into each other's way, and would do so again."""
    return now + _spread(due - now, key, jitter=1)


def _spread(pause: timedelta, key: str, *, jitter: float = _JITTER) -> timedelta:
    return pause * (1 + jitter * zlib.crc32(key.encode()) / 0xFFFFFFFF)
