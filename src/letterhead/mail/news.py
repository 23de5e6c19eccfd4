"""What a portal's people are told when their mail stops flowing, and when it flows again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from letterhead.mail.change import Change, Differences
from letterhead.mail.faults import Fault
from letterhead.mail.notice import Notice

_KEPT = timedelta(days=2)


class Kind(StrEnum):
    """What happened: to a portal's connection, or by somebody's hand."""

    PAUSED = "paused"
    RECOVERED = "recovered"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing to be told, and to whom."""

    kind: Kind
    portal_name: str
    at: datetime
    people: tuple[str, ...]
    fault: Fault | None = None
    reply: Mapping[str, Any] | None = None
    falls_back: bool = False
    who: str = ""  # changed something
    what: Change | None = None
    details: Differences = field(default_factory=dict)


def notices(news: News, platform: str) -> list[Notice]:
    """A mail for each of the people."""
    subject, text = _WORDS[news.kind](news, platform)
    return [Notice(to=each, subject=subject, text=text, kept=_KEPT) for each in news.people]


def _paused(news: News, platform: str) -> tuple[str, str]:
    subject = f"{news.portal_name}: your mail server does not take mail any more"
    lines = [
        f"Since {news.at:%Y-%m-%d %H:%M} UTC the mail server of {news.portal_name} takes no mail.",
        "",
        *_why(news),
        "Nothing is lost. " + _meanwhile(news, platform),
        "When it works again, mail flows by itself, in order, and you are told.",
        "",
    ]
    return subject, "\n".join(lines)


def _why(news: News) -> list[str]:
    if news.fault is None:
        return []
    steps = [f"{number}. {step}" for number, step in enumerate(news.fault.steps, 1)]
    answer = ["", f"The server said: {_reply(news.reply)}"] if news.reply else []
    act = f"What to do ({news.fault.who}):"
    return [news.fault.title + ".", news.fault.meaning, *answer, "", act, *steps, ""]


def _reply(reply: Mapping[str, Any]) -> str:
    return f"{reply['code']} {' '.join(str(reply['text']).split())}"


def _meanwhile(news: News, platform: str) -> str:
    if news.falls_back:
        return f"Until then your mail leaves through {platform}, in your name."
    return "Your mail is held until then."


def _recovered(news: News, _: str) -> tuple[str, str]:
    subject = f"{news.portal_name}: your mail flows again"
    since = f"{news.at:%Y-%m-%d %H:%M} UTC"
    text = (
        f"Since {since} mail of {news.portal_name} flows again.\n"
        "\n"
        "What was held is on its way, in order. There is nothing for you to do.\n"
    )
    return subject, text


def _changed(news: News, platform: str) -> tuple[str, str]:
    done = news.what.value if news.what else "changed something"
    lines = [
        f"On {news.at:%Y-%m-%d} at {news.at:%H:%M} UTC {news.who} {done} of {news.portal_name}.",
        "",
        *(_difference(name, *values) for name, values in news.details.items()),
        "",
        f"You get this mail because it concerns mail of {news.portal_name} that {platform} sends.",
        "If it is right, there is nothing for you to do. If it is not, tell an admin of",
        f"{news.portal_name} or whoever runs {platform}: History shows who did what, and Email",
        "Settings go back to an earlier version by one button.",
        "",
    ]
    return f"{news.portal_name}: {news.who} {done}", "\n".join(lines)


def _difference(name: str, before: object, after: object) -> str:
    return f"* {name.replace('_', ' ')}: {_shown(before)} -> {_shown(after)}"


def _shown(value: object) -> str:
    return "nothing" if value is None or value == "" else " ".join(str(value).split())


_WORDS: Mapping[Kind, Callable[[News, str], tuple[str, str]]] = {
    Kind.PAUSED: _paused,
    Kind.RECOVERED: _recovered,
    Kind.CHANGED: _changed,
}
