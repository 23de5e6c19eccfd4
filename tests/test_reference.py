"""The reference says what the code says."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from letterhead.mail.event import EventKind
from letterhead.mail.outcome import Status

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs/reference"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", REFERENCE / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_that_are_made_are_up_to_date(maker: ModuleType) -> None:
    for name, text in maker.pages().items():
        assert (REFERENCE / name).read_text("utf-8") == text, "run `make reference`"


def test_every_variable_is_explained_and_no_other() -> None:
    named = re.compile(r"LETTERHEAD_[A-Z_]+")
    code = (ROOT / "src/letterhead/config.py").read_text("utf-8")
    page = (REFERENCE / "configuration.md").read_text("utf-8")

    assert set(named.findall(code)) == set(named.findall(page))


def test_every_status_and_event_is_explained() -> None:
    page = (REFERENCE / "events.md").read_text("utf-8")

    not_yet = {Status.SUPPRESSED}  # comes with the list of suppressions
    for each in [*Status, *EventKind]:
        assert f"`{each.value}`" in page or each in not_yet


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]

    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []
