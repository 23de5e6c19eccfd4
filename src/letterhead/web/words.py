"""Texts in the language of whoever reads them, by the catalogues in `locale/`."""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from letterhead.mail.said import Said

SOURCE = "en"  # what the code is written in
LANGUAGES = {SOURCE: "English", "de": "Deutsch"}


@cache
def catalogue(language: str) -> NullTranslations:
    """The texts of a language; they are compiled when they are first asked for."""
    if language == SOURCE:
        return NullTranslations()
    file = resources.files("letterhead.web") / "locale" / language / "LC_MESSAGES" / "messages.po"
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(file.read_bytes()), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def translated(text: str, language: str) -> str:
    """A sentence of the rules in another language, with what was filled in."""
    if not isinstance(text, Said):
        return catalogue(language).gettext(text) if text else ""
    values = {
        name: translated(each, language) if isinstance(each, Said) else each
        for name, each in text.values.items()
    }
    return catalogue(language).gettext(text.pattern).format(**values)
