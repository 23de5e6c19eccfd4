"""
Collects the texts that people read, and brings the catalogues of the languages up to date.

    make words

A text is there to be translated if it stands in `_()` in a template, in `said()` in Python, in a
field for people of the data in `mail/data/`, or is a word of one of the enumerations below.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract, extract_python
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from letterhead.mail.change import Change
from letterhead.mail.event import EventKind
from letterhead.mail.outcome import Status
from letterhead.mail.portal import Role
from letterhead.mail.rights import Right
from letterhead.mail.standing import Standing
from letterhead.web.words import LANGUAGES, SOURCE

HERE = Path(__file__).parent
CODE = HERE.parent.parent
TEMPLATE = HERE / "messages.pot"

_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "said": None}
_FOR_PEOPLE = ("title", "meaning", "who", "steps", "notice", "from_rule")  # of the data
_AS_THEY_ARE: tuple[type[StrEnum], ...] = (Standing, Change, Right)
_WITH_CAPITALS: tuple[type[StrEnum], ...] = (Status, EventKind, Role)  # shown alone

Texts = Mapping[str, list[str | tuple[str, ...]]]  # by the file they stand in


def texts() -> Texts:
    """Every text, by the path of its file; the enumerations' have no file."""
    found: dict[str, list[str | tuple[str, ...]]] = {"": list(_words())}
    for pattern, method in _METHODS.items():
        for path in sorted(CODE.glob(pattern)):
            with path.open("rb") as file:
                rows = [row[1] for row in extract(method, file, _KEYWORDS)]
            found[str(path.relative_to(CODE))] = rows
    return found


def template() -> bytes:
    """The catalogue of all texts, without a translation."""
    return _written(_catalogue(), omit_header=True)


def updated(language: str) -> bytes:
    """The catalogue of a language: new texts wait for a translation, old ones are gone."""
    catalogue = read_po(BytesIO(path_of(language).read_bytes()), locale=language)
    catalogue.update(_catalogue(), no_fuzzy_matching=True, update_creation_date=False)
    return _written(catalogue)


def path_of(language: str) -> Path:
    return HERE / language / "LC_MESSAGES" / "messages.po"


def main() -> None:
    """Write the template and every catalogue, and tell what is not translated."""
    TEMPLATE.write_bytes(template())
    for language in LANGUAGES:
        if language == SOURCE:
            continue
        path_of(language).write_bytes(updated(language))
        found = read_po(BytesIO(path_of(language).read_bytes()), locale=language)
        missing = sum(not each.string or each.fuzzy for each in found if each.id)
        print(f"{language}: {len(found)} texts, {missing} not translated")  # noqa: T201 - a tool


def _catalogue() -> Catalog:
    made = Catalog(charset="utf-8")
    for rows in texts().values():
        for each in rows:
            made.add(each)
    return made


def _written(catalogue: Catalog, *, omit_header: bool = False) -> bytes:
    """Sorted, and without the places of the texts: two people's changes seldom meet."""
    file = BytesIO()
    write_po(
        file,
        catalogue,
        width=100,
        no_location=True,
        omit_header=omit_header,
        sort_output=True,
        ignore_obsolete=True,
    )
    return file.getvalue()


def _words() -> Iterator[str]:
    for kind in _AS_THEY_ARE:
        yield from (each.value for each in kind)
    for kind in _WITH_CAPITALS:
        yield from (each.value.capitalize() for each in kind)


def _of_template(file: IO[bytes], keywords: Any, tags: Any, options: Any) -> Any:  # noqa: ANN401
    yield from babel_extract(file, keywords, tags, {**options, "trimmed": "true", "silent": "no"})  # type: ignore[arg-type]


def _of_data(file: IO[bytes], *_: object, **__: object) -> Iterator[Any]:
    """The sentences for people in a TOML file, which are fields of its tables."""
    for entries in tomllib.loads(file.read().decode()).values():
        for entry in entries if isinstance(entries, list) else ():
            if not isinstance(entry, dict):
                continue
            for name in _FOR_PEOPLE:
                value = entry.get(name, [])
                for text in [value] if isinstance(value, str) else value:
                    yield 0, None, text, []


_METHODS: Mapping[str, Callable[..., Any]] = {
    "web/templates/**/*.*": _of_template,
    "**/*.py": extract_python,
    "mail/data/**/*.toml": _of_data,
}

if __name__ == "__main__":
    main()
