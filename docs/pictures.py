"""Makes the pictures of the pages that README and guide show: `make pictures`."""

from io import StringIO
from pathlib import Path

import httpx
from playwright.sync_api import Page, ViewportSize, sync_playwright
from rich.console import Console

from letterhead.demo.journey import SLUG, Journey
from letterhead.demo.stand import LOGIN, SERVER, Stand, stand

IMAGES = Path(__file__).parent / "images"
SIZE: ViewportSize = {"width": 1100, "height": 800}


def main() -> None:
    """Walk through the demo, and take a picture of each page on the way."""
    IMAGES.mkdir(exist_ok=True)
    with stand() as ground, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, locale="en-GB", timezone_id="Europe/Berlin")
        journey = Journey(ground, Console(file=StringIO()))
        journey.set_up()
        journey.send(20)
        journey.close()
        _enter(page, ground)
        _take(page, "messages", "messages")
        page.get_by_role("link", name="Invoice 3", exact=True).click()
        page.screenshot(path=IMAGES / "message.png", full_page=True)
        _take(page, "email-settings-on", "email-settings")
        _edit(page)
        page.screenshot(path=IMAGES / "email-settings.png", full_page=True)
        page.get_by_role("button", name="Dark").click()
        page.screenshot(path=IMAGES / "email-settings-dark.png", full_page=True)
        _operate(browser.new_page(viewport=SIZE, locale="en-GB"), ground)
        browser.close()


def _enter(page: Page, ground: Stand) -> None:
    answer = httpx.post(
        f"{ground.address}/v1/portals/{SLUG}/sessions",
        headers={"Authorization": f"Bearer {ground.key}"},
        json={"email": "jo@hart.example", "role": "admin", "ttl": 600},
    )
    page.goto(answer.json()["url"])


def _operate(page: Page, ground: Stand) -> None:
    """Become the first operator, and look at the service."""
    page.goto(ground.set_up)
    page.get_by_label("E-mail address").fill("op@platform.example")
    page.get_by_label("Password").fill("a good long sentence")
    page.get_by_role("button", name="Set up").click()
    page.wait_for_url("**/portals")
    page.screenshot(path=IMAGES / "portals.png", full_page=True)
    page.goto(f"{ground.address}/health")
    page.screenshot(path=IMAGES / "health.png", full_page=True)


def _take(page: Page, name: str, path: str) -> None:
    page.goto(page.url.split("/portals/")[0] + f"/portals/{SLUG}/{path}")
    page.screenshot(path=IMAGES / f"{name}.png", full_page=True)


def _edit(page: Page) -> None:
    """Change the live settings, and test the new version."""
    page.locator("[name=from_address]").fill(f"sales@{LOGIN.partition('@')[2]}")
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.get_by_role("button", name="Send Test Email").click()
    page.get_by_label("Send it to").fill("anna@client.example")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text(f"{SERVER} accepted the message").wait_for()


if __name__ == "__main__":
    main()
