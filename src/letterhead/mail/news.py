"""What a portal's people are told when their mail stops flowing, and when it flows again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from letterhead.mail.faults import Fault
from letterhead.mail.notice import Notice

_KEPT = timedelta(days=2)


class Kind(StrEnum):
    """What happened to a portal's connection."""

    PAUSED = "paused"
    RECOVERED = "recovered"


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


def notices(news: News, platform: str) -> list[Notice]:
    """A mail for each of the people."""
    subject, text = _paused(news, platform) if news.kind is Kind.PAUSED else _recovered(news)
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


def _recovered(news: News) -> tuple[str, str]:
    subject = f"{news.portal_name}: your mail flows again"
    since = f"{news.at:%Y-%m-%d %H:%M} UTC"
    text = (
        f"Since {since} mail of {news.portal_name} flows again.\n"
        "\n"
        "What was held is on its way, in order. There is nothing for you to do.\n"
    )
    return subject, text
