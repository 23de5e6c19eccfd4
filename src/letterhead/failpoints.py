"""
Steps at which a test lets this process die, or stand still, as it might at any time.

`LETTERHEAD_FAILPOINT` sets one. Where none is set, a step costs a look into an empty table.
"""

import asyncio
import itertools
import os
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

FAILPOINTS: Mapping[str, str] = {
    "laid": "large bodies of mail that was handed in are on disk, and no row says so",
    "accepting": "mail that was handed in is written, and not committed",
    "accepted": "it is on disk, and whoever handed it in has no answer",
    "claimed": "mail is claimed, and nothing of it is begun",
    "loaded": "its bodies are read",
    "opened": "a session is open and signed in",
    "unmarked": "everything but the final dot is ready, and no mark says that it comes",
    "marked": "the mark is kept, and the final dot has not left",
    "dotted": "the final dot has left",
    "replied": "the server has answered, and nobody else knows",
    "settling": "outcomes are written, and not committed",
    "settled": "they are kept, and whoever waits for that does not know",
    "freed": "what a dead worker left is free, and nobody is woken",
    "seated": "seats of a connection are taken, and nobody sits there (PostgreSQL only)",
    "troubled": "that a connection failed, or recovered, is written, and not committed",
    "turning": "the key ring has a new key, and nothing is sealed with it",
    "forgotten": "a part of what is over its time is forgotten, and not the rest",
    "called": "receivers of webhooks were called, and that is not noted",
}

_DEEDS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
_FORM = re.compile(r"([a-z]+):(kill|stop)(?::([1-9]\d{0,5}))?")


@dataclass(frozen=True, slots=True)
class Failpoint:
    """The signal that this process sends itself at a step, when it comes there the `at`th time."""

    name: str
    signal: signal.Signals
    at: int = 1


_armed: dict[str, tuple[Failpoint, Iterator[int]]] = {}  # with the times that it was reached


def read(text: str) -> Failpoint | None:
    """Read `name:kill` or `name:stop`, with `:N` behind it for the Nth time."""
    if not text:
        return None
    found = _FORM.fullmatch(text)
    if not found or found[1] not in FAILPOINTS:
        raise ValueError(f"say NAME:kill or NAME:stop, NAME one of {', '.join(FAILPOINTS)}.")
    return Failpoint(found[1], _DEEDS[found[2]], int(found[3] or 1))


def arm(failpoint: Failpoint | None) -> None:
    """Let `failpoint` happen, and no other."""
    _armed.clear()
    if failpoint:
        _armed[failpoint.name] = failpoint, itertools.count(1)


def reach(name: str) -> None:
    """Say that this process has come so far; any thread may."""
    if name in _armed:
        failpoint, times = _armed[name]
        if next(times) == failpoint.at:
            os.kill(os.getpid(), failpoint.signal)


async def reach_behind_writes(name: str) -> None:
    """Say it when what was written before has left: the loop writes at the end of its round."""
    if name in _armed:
        await asyncio.sleep(0)
        reach(name)
