"""Texts of the pages: all are collected, and the German ones are whole."""

import re
from collections.abc import Sequence
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from letterhead.mail.said import Said, kept, said, told
from letterhead.web.locale import make
from letterhead.web.words import LANGUAGES, SOURCE, translated

OTHERS = [each for each in LANGUAGES if each != SOURCE]
HOLE = re.compile(r"%\(\w+\)s|\{\w+\}|<[^>]+>|%%")
PLAIN = "Choose a provider from the list."

# What somebody sees who sets Email Settings up and gets them going.
EMAIL_SETTINGS = re.compile(
    r"|web/templates/(email-settings|parts|room|frame|door|error|sign-in).*"
    r"|web/(access|forms|app)\.py|web/pages/settings\.py"
    r"|mail/.*|actions/.*|dns/.*|transports/.*"
)


def catalogue(language: str) -> Catalog:
    return read_po(BytesIO(make.path_of(language).read_bytes()), locale=language)


def as_rows(text: str | Sequence[str] | None) -> Sequence[str]:
    return [text] if isinstance(text, str) else text or ()


def test_every_text_is_in_the_template() -> None:
    assert make.template() == make.TEMPLATE.read_bytes(), "run `make words`"


@pytest.mark.parametrize("language", OTHERS)
def test_every_catalogue_has_every_text(language: str) -> None:
    assert make.updated(language) == make.path_of(language).read_bytes(), "run `make words`"


@pytest.mark.parametrize("language", OTHERS)
def test_email_settings_are_translated_whole(language: str) -> None:
    found = catalogue(language)
    texts = [
        each
        for path, rows in make.texts().items()
        if EMAIL_SETTINGS.fullmatch(path)
        for each in rows
    ]

    missing = []
    for text in texts:
        message = found.get(text[0] if isinstance(text, tuple) else text)
        rows = as_rows(message.string) if message else ()
        if message is None or message.fuzzy or not rows or not all(rows):
            missing.append(text)
    assert missing == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_same_holes_and_marks(language: str) -> None:
    for message in catalogue(language):
        for text in as_rows(message.string) if message.id else ():
            if text:
                wanted = sorted(HOLE.findall(as_rows(message.id)[-1]))
                assert sorted(HOLE.findall(text)) == wanted, text


def test_what_was_filled_in_stays_and_the_sentence_is_translated() -> None:
    inner = said(PLAIN)
    outer = Said("{domain}: {problem}", {"domain": "hart.example", "problem": Said(inner, {})})

    assert outer == f"hart.example: {PLAIN}"
    assert translated(outer, "de") == f"hart.example: {translated(PLAIN, 'de')}"
    assert translated(PLAIN, "de") != PLAIN
    assert translated("What nobody has written", "de") == "What nobody has written"


def test_a_sentence_that_was_kept_as_json_can_still_be_translated() -> None:
    sentence = said("{domain}: {problem}", domain="hart.example", problem=said("{n}", n=3))
    row = {"detail": sentence, "keys": ["plain", 3, None]}

    found = told(kept(row))

    assert found == row
    assert isinstance(found["detail"], Said)
    assert found["detail"].values["problem"] == "3"
