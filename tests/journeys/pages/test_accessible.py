"""Every page can be used by everybody: axe's rules, small screens, the keyboard alone."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from letterhead.mail.portal import Scope
from tests.forms import message, smtp
from tests.journeys.pages.desk import Desk
from tests.journeys.settings import code_of, go_live_scripted
from tests.running import Portal
from tests.servers.postfix import Postfix
from tests.servers.scripted import Scripted


def violations(axe: Axe, page: Page) -> list[Any]:
    found = axe.run(page).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


def is_too_wide(page: Page) -> bool:
    wide: bool = page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return wide


def visit(desk: Desk) -> list[str]:
    """Everything that an admin sees, with something on each page."""
    desk.fill(smtp(provider="gmail"))
    desk.save()
    desk.press("Check DNS")
    desk.test("anna@client.test")
    sent = desk.portal.send(message("A rather long subject of an invoice " * 4))
    desk.portal.wait_for(sent)
    desk.portal.key(Scope.SEND)
    desk.portal.call("POST", "/suppressions", {"email": "gone@client.test"})
    lists = ["/people", "/keys", "/suppressions", "/history"]
    return [
        *lists,
        "/email-settings",
        "/messages",
        f"/messages/{sent}",
        f"/messages/{sent}/body",
        "/messages?q=nothing",
        "/nowhere",
    ]


def sweep(desk: Desk, axe: Axe, paths: list[str]) -> dict[str, Any]:
    """What axe finds on pages, at each width; none of them needs sideways scrolling."""
    found: dict[str, Any] = {}
    for path in paths:
        for width in (1280, 640, 390):  # 640 is 1280 at 200 %
            desk.page.set_viewport_size({"width": width, "height": 800})
            desk.page.goto(path)
            if broken := violations(axe, desk.page):
                found[f"{path} {width}"] = broken
            assert not is_too_wide(desk.page), (path, width)
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_breaks_a_rule_or_needs_sideways_scrolling(
    desk: Desk, axe: Axe, theme: str, mail_server: Postfix
) -> None:
    paths = visit(desk)
    if theme == "dark":
        desk.press("Dark")
    assert desk.page.locator("html").get_attribute("data-bs-theme") == theme

    found = sweep(desk, axe, [f"{desk.address}{path}" for path in paths])

    assert not found, "\n".join(f"{where}: {broken}" for where, broken in found.items())


def test_the_guide_breaks_no_rule(page: Page, desk: Desk, axe: Axe) -> None:
    page.goto(f"{desk.portal.platform.address}/help/providers/gmail")

    expect(page.get_by_role("heading", name="Gmail and Google Workspace")).to_be_visible()
    assert violations(axe, page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert not is_too_wide(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_of_operators_breaks_a_rule(
    operator: Desk, hart: Portal, axe: Axe, theme: str, server: Scripted
) -> None:
    go_live_scripted(hart, server)
    server.answers["AUTH"] = b"535 5.7.8 Bad credentials\r\n"
    waits = hart.send(message())
    hart.wait_for(waits, "held")
    if theme == "dark":
        operator.press("Dark")
    at = hart.platform.address

    found = sweep(
        operator,
        axe,
        [f"{operator.address}/{each}" for each in ("held", f"messages/{waits}", "leave")],
    )
    found |= sweep(operator, axe, [f"{at}/{each}" for each in ("portals", "platform", "health")])
    operator.page.goto(f"{at}/health")
    operator.press("Examine now")
    expect(operator.page.get_by_role("status")).to_contain_text("database")
    found |= {"examined": broken} if (broken := violations(axe, operator.page)) else {}
    found |= sweep(operator, axe, [f"{at}/docs"])

    assert not found, "\n".join(f"{where}: {broken}" for where, broken in found.items())


def test_the_menu_of_a_small_screen_opens_without_a_script(hart: Portal, plain: Page) -> None:
    desk = Desk(hart, plain).enter()
    plain.set_viewport_size({"width": 390, "height": 800})
    history = plain.get_by_role("link", name="History")
    expect(history).to_be_hidden()

    desk.press("Menu")
    history.click()

    expect(plain.get_by_role("heading", name="History")).to_be_visible()


def test_signing_in_breaks_no_rule(page: Page, desk: Desk, axe: Axe) -> None:
    desk.press("Sign out")

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert violations(axe, page) == []


def reach(page: Page, selector: str) -> None:
    """Go to a control by the Tab key."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached")


def test_settings_are_filled_in_by_the_keyboard_alone(desk: Desk) -> None:
    page = desk.page
    reach(page, "[name=type]")
    page.keyboard.press("ArrowDown")  # AWS
    page.keyboard.press("ArrowDown")
    reach(page, "[name=provider]")
    with page.expect_response("**/prefill"):
        page.keyboard.type("Other")
    expect(page.locator("[data-filled=other]")).to_have_count(1)
    reach(page, "[name=server]")
    page.keyboard.type("mail.test")
    form = smtp()
    for name in ("port", "login", "password", "from_name", "from_address"):
        reach(page, f"[name={name}]")
        page.keyboard.press("Control+A")
        page.keyboard.type(str(form[name]))

    page.keyboard.press("Enter")

    expect(desk.chip).to_contain_text("Saved, not tested")


def test_settings_are_tested_and_switched_on_by_the_keyboard_alone(
    desk: Desk, mail_server: Postfix
) -> None:
    desk.portal.save(smtp())
    page, to = desk.open().page, f"keys-{desk.portal.slug}@client.test"

    reach(page, "#open-test")
    page.keyboard.press("Enter")
    expect(page.locator("#to")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type(to)
    page.keyboard.press("Enter")
    expect(page.get_by_text("accepted the message")).to_be_visible()
    reach(page, "#code")
    page.keyboard.type(code_of(mail_server, to))
    page.keyboard.press("Enter")
    expect(desk.chip).to_contain_text("Ready to switch on")
    reach(page, "#switch summary")
    page.keyboard.press("Enter")
    reach(page, "[formaction$=switch-on]")
    page.keyboard.press("Enter")

    expect(desk.chip).to_have_text(re.compile("On$"))
