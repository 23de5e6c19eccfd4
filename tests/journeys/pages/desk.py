"""What a portal's admin does in the browser."""

from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.journeys.settings import code_of
from tests.running import Portal
from tests.servers.postfix import Postfix

_TEXTS = ("server", "port", "login", "password", "from_name", "from_address", "copy_to")


class Desk:
    """One portal's Email Settings in a browser."""

    def __init__(self, portal: Portal, page: Page) -> None:
        self.portal = portal
        self.page = page

    @property
    def address(self) -> str:
        return f"{self.portal.platform.address}/portals/{self.portal.slug}"

    def enter(self, role: str = "admin") -> "Desk":
        """Come in as the platform's own people do: by a one-time address."""
        guest = {"email": "admin@hart.test", "role": role, "ttl": 600}
        url = self.portal.call("POST", f"/portals/{self.portal.slug}/sessions", guest)["url"]
        self.page.goto(url)
        return self

    def open(self) -> "Desk":
        self.page.goto(f"{self.address}/email-settings")
        return self

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        self.button(name).last.click()

    def fill(self, form: Mapping[str, Any]) -> None:
        """Choose SMTP and the provider, and type what differs from what is filled in."""
        self.page.get_by_label("SMTP Your own mail server").check()
        self.choose(form["provider"])
        for name in _TEXTS:
            field = self.page.locator(f"[name={name}]")
            wanted = str(form[name] or "")
            if field.input_value() != wanted:
                field.fill(wanted)

    def choose(self, provider: str) -> None:
        """Choose a provider, and let it fill in server and port."""
        chosen = self.page.get_by_label("Provider", exact=True)
        if chosen.input_value() == provider:
            return
        fill_in = self.button("Fill in server and port")
        if fill_in.count():
            chosen.select_option(provider)
            fill_in.click()
        else:
            with self.page.expect_response("**/prefill"):
                chosen.select_option(provider)
            expect(self.page.locator(f"[data-filled={provider}]")).to_have_count(1)

    def save(self) -> None:
        self.press("Save")

    def test(self, to: str) -> None:
        """Send a test mail by the dialog, which needs no script."""
        self.press("Send Test Email")
        self.page.get_by_label("Send it to").fill(to)
        self.press("Send")

    def go_live(self, server: Postfix) -> None:
        """Test, confirm, switch on: what is saved."""
        to = f"page-{self.portal.slug}@client.test"
        self.test(to)
        expect(self.page.get_by_text("accepted the message")).to_be_visible()
        self.page.get_by_label("Code from the test mail").fill(code_of(server, to))
        self.press("Confirm arrival")
        self.page.get_by_text("Switch on …").click()
        self.press("Switch on now")

    @property
    def chip(self) -> Locator:
        return self.page.locator("#standing")
