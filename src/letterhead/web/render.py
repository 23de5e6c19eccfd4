"""Templates: a name and values become a response."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse

from letterhead import __version__
from letterhead.web.speech import Speech
from letterhead.web.words import LANGUAGES, catalogue, translated


class Errors(dict[str, str]):
    """What is wrong, by field; a field without an error has an empty one."""

    def __missing__(self, field: str) -> str:
        return ""


@pass_context
def moment(context: Context, at: datetime | str | None) -> str:
    """A time as its reader's clock shows it."""
    if at is None:
        return ""
    return _time(context, at, _speech(context).moment(_read(at)), "moment")


@pass_context
def day(context: Context, at: datetime | str) -> str:
    """The day of a time."""
    return _time(context, at, _speech(context).day(_read(at)))


@pass_context
def ago(context: Context, at: datetime, now: datetime) -> str:
    """How long ago a time was."""
    return _time(context, at, _speech(context).ago(at, now))


def page(name: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Render a template for the `speech` of whoever asked."""
    speech: Speech = values["speech"]
    html = _templates(speech.language).get_template(name).render(values)
    return HTMLResponse(html, status, {"Content-Language": speech.language})


def text(name: str, speech: Speech, values: Mapping[str, Any]) -> str:
    """Render a template of plain text."""
    return _templates(speech.language).get_template(name).render({**values, "speech": speech})


@cache
def _templates(language: str) -> Environment:
    """The templates in one language."""
    made = Environment(
        loader=PackageLoader("letterhead.web"),
        extensions=["jinja2.ext.i18n"],
        autoescape=select_autoescape(disabled_extensions=("txt",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined] # of the extension
    made.filters |= {"moment": moment, "day": day, "ago": ago, "capital": capital}
    made.filters["said"] = lambda text: translated(text, language)
    made.globals |= {"version": __version__, "languages": LANGUAGES}
    return made


def capital(text: str) -> str:
    """A sentence that begins with a capital letter, and is otherwise as it is."""
    return text[:1].upper() + text[1:]


def _speech(context: Context) -> Speech:
    found: Speech = context["speech"]
    return found


def _read(at: datetime | str) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def _time(context: Context, at: datetime | str, words: str, looks: str = "") -> Markup:
    """The words for a time, and the time itself for programs and for who wants the seconds."""
    found = _read(at)
    exactly = _speech(context).exactly(found)
    machine = found.isoformat(timespec="seconds")
    made = Markup('<time class="{}" datetime="{}" title="{}">{}</time>')
    return made.format(looks, machine, exactly, words)
