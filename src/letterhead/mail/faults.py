"""What an answer means, and what to do about it: one catalogue, read from `data/faults.toml`."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from letterhead.mail.reply import Answer, Break, Reply

_OF_CONNECTION = frozenset({"connection", "credential", "sender", "config"})


class Repair(StrEnum):
    """What helps: nothing, a person, or time."""

    NO = "no"
    FIX = "fix"
    BACKOFF = "backoff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A kind of refusal or failure, in words for the person who must act."""

    code: str
    title: str
    meaning: str
    who: str
    steps: tuple[str, ...]
    fields: tuple[str, ...]
    retry: Repair
    scope: str
    suppresses: bool = False  # the mailbox or its domain does not exist: no mail will ever arrive

    @property
    def of_connection(self) -> bool:
        """Whether every other mail of the connection would meet the same."""
        return self.scope in _OF_CONNECTION

    @property
    def pauses(self) -> bool:
        """Whether somebody must mend the connection before mail can flow."""
        return self.of_connection and self.retry is Repair.FIX


@dataclass(frozen=True, slots=True)
class _Row:
    """A fault, and the answers that mean it; an empty condition fits everything."""

    fault: Fault
    kinds: frozenset[str]
    stages: frozenset[str]
    codes: tuple[str, ...]
    enhanced: frozenset[str]

    def fits(self, answer: Answer) -> bool:
        if self.stages and answer.stage.value not in self.stages:
            return False
        if isinstance(answer, Break):
            return answer.kind.value in self.kinds
        return not self.kinds and self._fits_reply(answer)

    def _fits_reply(self, reply: Reply) -> bool:
        if self.enhanced and reply.enhanced not in self.enhanced:
            return False
        return not self.codes or str(reply.code).startswith(self.codes)


def of(answer: Answer) -> Fault:
    """Say what a refusal or a break means: the first row that fits; the last row fits all."""
    return next(row.fault for row in _rows() if row.fits(answer))


def every() -> Sequence[Fault]:
    """Every fault of the catalogue, in its order."""
    return tuple(_by_code().values())


def by_code(code: str) -> Fault:
    """Find a fault again by the code that was kept; KeyError for one that never was."""
    return _by_code()[code]


def shown(fault: Fault, reply: Mapping[str, Any] | None) -> dict[str, Any]:
    """A fault as people and programs are shown it, with the server's reply."""
    return {
        "code": fault.code,
        "title": fault.title,
        "meaning": fault.meaning,
        "who": fault.who,
        "steps": list(fault.steps),
        "fields": list(fault.fields),
        "retry": fault.retry.value,
        "reply": reply,
    }


@cache
def _rows() -> tuple[_Row, ...]:
    text = resources.files("letterhead.mail.data").joinpath("faults.toml").read_text("utf-8")
    return tuple(_row(entry) for entry in tomllib.loads(text)["fault"])


@cache
def _by_code() -> Mapping[str, Fault]:
    return {row.fault.code: row.fault for row in _rows()}


def _row(entry: Mapping[str, Any]) -> _Row:
    when = entry.get("when", {})
    return _Row(
        fault=Fault(
            code=entry["code"],
            title=entry["title"],
            meaning=entry["meaning"],
            who=entry["who"],
            steps=tuple(entry["steps"]),
            fields=tuple(entry.get("fields", ())),
            retry=Repair(entry["retry"]),
            scope=entry["scope"],
            suppresses=entry.get("suppresses", False),
        ),
        kinds=frozenset(when.get("kinds", ())),
        stages=frozenset(when.get("stages", ())),
        codes=tuple(when.get("codes", ())),
        enhanced=frozenset(when.get("enhanced", ())),
    )
