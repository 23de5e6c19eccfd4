"""What choosing a provider does to the form: what a person typed stays."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from letterhead.mail.providers import PROVIDERS, Filled
from letterhead.mail.settings import DefaultSettings, SmtpSettings
from letterhead.web.forms import of, posted

GMAIL = Filled(PROVIDERS["gmail"], "smtp.gmail.com")


@pytest.mark.parametrize(
    ("typed", "server", "port"),
    [
        ({}, "smtp.gmail.com", "587"),
        ({"server": "smtp.office365.com", "port": "587"}, "smtp.gmail.com", "587"),
        ({"server": "mail.hart.example", "port": "587"}, "mail.hart.example", "587"),
        ({"server": "", "port": "2587"}, "smtp.gmail.com", "2587"),
        ({"server": "mail.hart.example", "port": "2587"}, "mail.hart.example", "2587"),
    ],
)
def test_a_provider_fills_in_only_what_nobody_typed(
    typed: Mapping[str, str], server: str, port: str
) -> None:
    blank = of(DefaultSettings())
    form = replace(blank, values={**blank.values, **typed})

    filled = form.filled(GMAIL, anyway=False)

    assert (filled.values["server"], filled.values["port"]) == (server, port)
    assert form.filled(GMAIL, anyway=True).values["port"] == "587"


def test_choosing_a_provider_leaves_the_tick_alone() -> None:
    blank = of(DefaultSettings())
    form = replace(blank, values={**blank.values, "allow_ssl": ""})

    assert form.filled(GMAIL, anyway=False).values["allow_ssl"] == ""


@pytest.mark.parametrize(("posts", "kept"), [("4", 4), ("1", 1), ("9", 0), ("", 0), ("four", 0)])
def test_the_form_keeps_the_window_that_it_does_not_show(posts: str, kept: int) -> None:
    shown = of(SmtpSettings(window=4)).values

    assert shown["window"] == "4"
    assert posted({**shown, "window": posts}).smtp().draft.window == kept
