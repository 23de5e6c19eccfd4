"""Email Settings in the words and by the clock of whoever reads them."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from letterhead.web.locale import make
from letterhead.web.words import translated
from tests.forms import smtp
from tests.journeys.pages.desk import Desk
from tests.journeys.settings import code_of
from tests.running import Portal
from tests.servers.postfix import Postfix

SHORT = 10  # characters of a text that may be a part of something else


@pytest.fixture
def german(chromium: Browser) -> Iterator[Page]:
    """A browser that asks for German, in Berlin."""
    made = chromium.new_context(locale="de-DE", timezone_id="Europe/Berlin")
    yield made.new_page()
    made.close()


def english_in(page: Page) -> list[str]:
    """English texts of ours that the page shows."""
    shown = page.locator("main").inner_text()
    plain = [text for rows in make.texts().values() for text in rows if isinstance(text, str)]
    return [
        text
        for text in plain
        if len(text) > SHORT and translated(text, "de") != text and text in shown
    ]


def test_the_whole_walk_in_german(german: Page, hart: Portal, mail_server: Postfix) -> None:
    desk = Desk(hart, german).enter()
    to = f"german-{hart.slug}@client.test"
    expect(german.locator("html")).to_have_attribute("lang", "de")
    expect(desk.chip).to_contain_text("Nicht eingerichtet")
    assert english_in(german) == []

    hart.save(smtp(provider="gmail"))
    desk.open()
    expect(desk.chip).to_contain_text("DNS fehlt")
    desk.press("DNS prüfen")
    expect(desk.page.locator("#dns")).to_contain_text("Der Anbieter darf senden.")
    assert english_in(german) == []

    desk.press("Testmail senden")
    german.get_by_label("Senden an", exact=True).fill(to)
    desk.press("Senden")
    expect(german.locator("#test")).to_contain_text("hat die Nachricht angenommen")
    assert english_in(german) == []
    german.get_by_label("Code aus der Testmail").fill(code_of(mail_server, to))
    desk.press("Ankunft bestätigen")
    german.get_by_text("Einschalten …").click()
    desk.press("Jetzt einschalten")

    expect(desk.chip).to_contain_text("Eingeschaltet")
    expect(german.locator("section").first).to_contain_text("Zuletzt bewiesen: vor")
    assert english_in(german) == []


def test_what_is_wrong_is_told_in_german(german: Page, hart: Portal, mail_server: Postfix) -> None:
    hart.save(smtp(password="not the password"))
    hart.change("test", {"to": "anna@client.test"})
    desk = Desk(hart, german).enter()

    expect(german.locator("#test .alert-title")).to_have_text("Der Server hat das Login abgelehnt")
    assert english_in(german) == []
    german.locator("[name=server]").fill("10.0.0.1")
    german.locator("[name=copy_to]").fill("nobody")
    desk.press("Speichern")

    expect(german.locator("#server-error")).to_contain_text("Geben Sie einen Hostnamen")
    expect(german.locator("#copy_to-error")).to_contain_text("Geben Sie eine Adresse")
    assert english_in(german) == []


def test_a_language_is_chosen_without_a_script_and_stays(plain_desk: Desk) -> None:
    plain_desk.press("Deutsch")
    expect(plain_desk.page.get_by_role("heading", name="E-Mail-Einstellungen")).to_be_visible()

    plain_desk.page.goto(f"{plain_desk.portal.platform.address}/sign-in")
    expect(plain_desk.page.get_by_role("heading", name="Anmelden")).to_be_visible()
    plain_desk.press("English")

    expect(plain_desk.page.locator("html")).to_have_attribute("lang", "en")


def test_a_choice_on_the_answer_to_a_form_leads_back_to_its_page(plain_desk: Desk) -> None:
    plain_desk.fill(smtp(from_address="nobody"))
    plain_desk.save()
    expect(plain_desk.page.locator("#from_address-error")).to_be_visible()

    plain_desk.press("Dark")

    expect(plain_desk.page).to_have_url(f"{plain_desk.address}/email-settings")


def test_times_are_in_utc_and_say_so_until_the_browser_has_told_its_zone(
    desk: Desk, plain_desk: Desk
) -> None:
    desk.portal.save(smtp())
    saved = re.compile(r"^\d{1,2} \w+ \d{4}, \d\d:\d\d$")

    plain_desk.open()
    desk.open()

    expect(plain_desk.page.locator("#switch time")).to_have_text(re.compile("UTC$"))
    expect(desk.page.locator("html")).to_have_attribute("data-zone", "Europe/Berlin")
    expect(desk.page.locator("#switch time")).to_have_text(saved)
    utc = plain_desk.page.locator("#switch time")
    assert utc.get_attribute("datetime") == desk.page.locator("#switch time").get_attribute(
        "datetime"
    )
