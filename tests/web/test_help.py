"""The guide is served beside the pages: each page, and links that lead somewhere."""

import re
from importlib import resources
from pathlib import Path

import pytest

from letterhead.mail.providers import PROVIDERS
from letterhead.web.pages import help as guide

TEMPLATES = Path(str(resources.files("letterhead.web"))) / "templates"


@pytest.mark.parametrize("name", sorted(guide.PAGES))
def test_every_page_is_there_and_leads_to_others(name: str) -> None:
    title, html = guide.rendered(name)

    assert title
    assert f"<h1>{title}</h1>" in html
    assert "<img" not in html
    ours = [each for each in re.findall(r'href="([^"]+)"', html) if not each.startswith("http")]
    assert {each.removeprefix("/help/") for each in ours if each[0] != "#"} <= guide.PAGES


def test_every_provider_has_a_page() -> None:
    assert {guide.help_of(each) for each in PROVIDERS} <= guide.PAGES


def test_every_link_beside_a_field_leads_to_a_page() -> None:
    texts = [each.read_text("utf-8") for each in TEMPLATES.rglob("*.html")]

    named = {found for text in texts for found in re.findall(r'help\("([^"]+)"', text)}

    assert named
    assert named <= guide.PAGES
