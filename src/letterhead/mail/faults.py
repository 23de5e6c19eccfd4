"""
What an answer means, and what to do about it: one catalogue, read from `data/faults/`.

Each file has a `group`, as the reference shows it, and faults. A fault stands there once:

    code, title, meaning, steps    for people
    who         portal admin | provider admin | dns | platform | recipient | nobody
    fields      the fields of the form that are at fault
    retry       no: fails this recipient | fix: a person must mend it
                backoff: time helps | window: a quota, used up for about `hold` seconds
    scope       message | recipient: of this mail alone; all others: of the connection
    hold        seconds that must pass at least before the next try
    scatter     others do the same at the same time: do not all come back at once
    suppresses  the mailbox or its domain does not exist: the address is worth no other mail

Below it stand the answers that mean it, each a `[[fault.when]]` (see `mail/when.py`):

    providers   who says it; those of the file if left out, and anybody if the file names none
    stages      where it is said (mail/reply.py, Stage)
    kinds       why there was no reply (mail/reply.py, Kind); a row without it is for replies
    codes       how the code of the reply starts
    texts       words in the reply, in any case; or else
    enhanced    its enhanced code, or a range of them
    example     a reply with words that were recorded, in their usual form; the words of one that
                is `synthetic` are ours
    confirmed   false where too few have seen it

A sentence counts for more than an enhanced code, and that for more than the code. Among equals the
provider's own rows come before those for anybody, and then the first in the order of the files.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from letterhead.mail.reply import Answer, Break, Reply
from letterhead.mail.when import Heard, When, when

_FILES = ("microsoft", "google", "zoho", "amazon", "others", "receivers", "any", "breaks")
_OF_MAIL = frozenset({"message", "recipient"})
_PERMANENT = 500  # and above


class Repair(StrEnum):
    """What helps: nothing, a person, or time."""

    NO = "no"
    FIX = "fix"
    BACKOFF = "backoff"
    WINDOW = "window"


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
    group: str
    hold: timedelta
    scatter: bool
    suppresses: bool

    @property
    def of_connection(self) -> bool:
        """Whether every other mail of the connection would meet the same."""
        return self.scope not in _OF_MAIL

    @property
    def pauses(self) -> bool:
        """Whether somebody must mend the connection before mail can flow."""
        return self.of_connection and self.retry is Repair.FIX


class Row(NamedTuple):
    """A fault, and one kind of answer that means it."""

    fault: Fault
    when: When


def of(answer: Answer, *, provider: str = "", anywhere: bool = False) -> Fault:
    """
    Say what a refusal or a break means; there is a meaning for every one.

    `anywhere` says that the stage of a reply was only guessed.
    """
    if isinstance(answer, Break):
        return next(row.fault for row in rows() if row.when.is_of(answer))
    heard = Heard(answer, answer.sentence, provider, anywhere)
    fitting = ((row.when.fit(heard), row.fault) for row in rows() if _may_mean(row.fault, answer))
    return min(((fit, fault) for fit, fault in fitting if fit), key=lambda found: found[0])[1]


def every() -> Sequence[Fault]:
    """Every fault of the catalogue, in its order."""
    return tuple(_by_code().values())


def by_code(code: str) -> Fault:
    """Find a fault again by the code that was kept; KeyError for one that never was."""
    return _by_code()[code]


def told_by(fault: Fault) -> Sequence[When]:
    """The answers that mean a fault."""
    return [row.when for row in rows() if row.fault is fault]


def shows_at_sign_in(code: str) -> bool:
    """Whether a sign-in that goes well proves that a fault is over: no mail has to be risked."""
    return all(each.is_early for each in told_by(by_code(code)))


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
def rows() -> Sequence[Row]:
    """The catalogue, row by row."""
    return tuple(row for name in _FILES for row in _read(name))


def _may_mean(fault: Fault, reply: Reply) -> bool:
    """A server that puts mail off has not refused it for ever, whatever its words are."""
    return fault.retry is not Repair.NO or reply.code >= _PERMANENT


@cache
def _by_code() -> Mapping[str, Fault]:
    return {row.fault.code: row.fault for row in rows()}


def _read(name: str) -> Sequence[Row]:
    folder = resources.files("letterhead.mail.data").joinpath("faults")
    document = tomllib.loads(folder.joinpath(f"{name}.toml").read_text("utf-8"))
    found: list[Row] = []
    for entry in document["fault"]:
        fault = _fault(entry, document["group"])
        providers = document.get("providers", ())
        found += [Row(fault, when(each, providers)) for each in entry["when"]]
    return found


def _fault(entry: Mapping[str, Any], group: str) -> Fault:
    return Fault(
        code=entry["code"],
        title=entry["title"],
        meaning=entry["meaning"],
        who=entry["who"],
        steps=tuple(entry["steps"]),
        fields=tuple(entry.get("fields", ())),
        retry=Repair(entry["retry"]),
        scope=entry["scope"],
        group=group,
        hold=timedelta(seconds=entry.get("hold", 0)),
        scatter=entry.get("scatter", False),
        suppresses=entry.get("suppresses", False),
    )
