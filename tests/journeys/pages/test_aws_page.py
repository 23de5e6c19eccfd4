"""Email Settings of type AWS by clicking, against moto and the tests' name server."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.forms import Form, message
from tests.journeys.aws import SECRET, code_in, form, publish, settings_of
from tests.journeys.pages.desk import Desk
from tests.journeys.pages.test_accessible import is_too_wide, violations
from tests.journeys.pages.test_settings_words import english_in
from tests.running import Platform, Portal
from tests.servers import ses
from tests.servers.bind import Bind
from tests.servers.ses import Ses

AWS = "AWS (recommended: set and forget)"
OWN = {"account": "keys", "access_key_id": "AKIAFIRM000000000002"}


@pytest.fixture(scope="module")
def amazon(moto: int, name_server: Bind) -> Iterator[Ses]:
    with ses.running(moto, name_server.port) as found:
        yield found


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, name_server: Bind, amazon: Ses
) -> Iterator[Platform]:
    made = Platform(tmp_path_factory.mktemp("aws"), settings_of(name_server, amazon))
    yield made
    made.stop()
    assert made.errors() == []


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def any_desk(request: pytest.FixtureRequest) -> Desk:
    found: Desk = request.getfixturevalue("desk" if "with " in request.param else "plain_desk")
    return found


def fill(desk: Desk, filled_in: Form) -> None:
    """Choose AWS, and type the rest."""
    desk.page.get_by_label(AWS).check()
    desk.page.get_by_label("Region", exact=True).select_option(filled_in["region"])
    for name in ("mail_from", "from_name", "from_address"):
        desk.page.locator(f"[name={name}]").fill(filled_in.get(name, ""))


def prove(desk: Desk, name_server: Bind, domain: str) -> None:
    record = desk.portal.change("prove-domain", {"method": "dns"})
    name_server.add(f"_letterhead.{domain.removesuffix('.test')}", "TXT", f'"{record["value"]}"')
    desk.press("Look for the record")


def go_live(desk: Desk, amazon: Ses) -> None:
    desk.test("anna@client.test")
    expect(desk.page.get_by_text("accepted the message")).to_be_visible()
    desk.page.get_by_label("Code from the test mail").fill(code_in(amazon))
    desk.press("Confirm arrival")
    desk.page.get_by_text("Switch on …").click()
    desk.press("Switch on now")


def test_from_default_to_aws_live(
    any_desk: Desk, hart: Portal, amazon: Ses, name_server: Bind
) -> None:
    desk, domain = any_desk, f"clicked-{hart.slug}.test"
    dns = desk.page.locator("#dns")
    fill(desk, form(domain, mail_from=f"bounces.{domain}"))
    desk.save()
    expect(desk.chip).to_contain_text("DNS missing")
    expect(desk.button("Send Test Email")).to_be_disabled()
    desk.press("Check DNS")
    expect(dns.locator(".record", has_text="CNAME")).to_have_count(3)
    expect(dns).to_contain_text(f".{ses.ZONE}")
    expect(dns).to_contain_text("Amazon was asked")
    publish(name_server, hart.settings()["identity"]["records"])
    desk.press("Check again")
    expect(dns).to_contain_text(f"Amazon SES has verified {domain}.")
    expect(dns.locator(".record", has_text="Published")).to_have_count(5)
    expect(dns).to_contain_text("500 mails a second and 50000 in 24 hours")
    expect(dns).to_contain_text(f"lh-{hart.slug}")
    prove(desk, name_server, domain)
    go_live(desk, amazon)

    expect(desk.chip).to_contain_text("On")
    card = desk.page.locator("section").first
    expect(card).to_contain_text(f"AWS · eu-west-1 · office@{domain}")
    hart.wait_for(hart.send(message("By the page")), "sent")


def test_the_sandbox_is_shown_and_the_identity_verified_again_and_removed(
    desk: Desk, hart: Portal, amazon: Ses
) -> None:
    dns = desk.page.locator("#dns")
    amazon.sandbox = True
    hart.save(form("boxed.test"))
    amazon.given_up.add("boxed.test")
    desk.open().press("Check DNS")
    expect(dns).to_contain_text("The AWS account is in the sandbox")
    expect(dns).to_contain_text("gave up waiting for the records")
    amazon.sandbox = False
    desk.press("Verify again")
    expect(dns).to_contain_text("Publish the CNAME records of boxed.test")
    expect(dns).not_to_contain_text("sandbox")
    desk.page.get_by_text("Remove the identity …").click()
    desk.press("Remove it now")

    expect(dns).to_contain_text("Amazon SES has not said yet how boxed.test stands")
    status, _ = amazon.forwarded("GET", "/v2/email/identities/boxed.test", b"")
    assert status == 404


def test_whoever_looks_after_the_dns_gets_a_page_with_every_record(desk: Desk) -> None:
    desk.portal.save(form("paper.test", mail_from="bounces.paper.test"))
    desk.portal.change("check-dns")
    records = desk.portal.settings()["identity"]["records"]
    desk.open()

    with desk.page.expect_download() as started:
        desk.page.get_by_role("link", name="Download the page").click()

    assert started.value.suggested_filename == "dns-paper.test.txt"
    text = started.value.path().read_text("utf-8")
    assert len(records) == 5
    assert all(each["name"] in text and each["value"] in text for each in records)
    assert "_letterhead.paper.test" in text


def test_only_the_fields_of_the_chosen_account_are_shown(desk: Desk) -> None:
    page = desk.page
    role, key = page.get_by_label("ARN of the role"), page.get_by_label("Access key id")
    expect(page.locator("[name=region]")).to_be_hidden()
    fill(desk, form("fields.test"))
    expect(page.locator("[name=server]")).to_be_hidden()
    expect(role).to_be_hidden()

    page.get_by_label("ours, by a role").check()
    expect(role).to_be_visible()
    expect(key).to_be_hidden()
    role.fill("arn:aws:iam::123456789012:role/letterhead")
    page.get_by_label("ours, by access keys").check()
    key.fill(OWN["access_key_id"])
    desk.save()

    expect(page.locator("#secret_access_key-error")).to_be_visible()
    expect(key).to_have_value(OWN["access_key_id"])
    page.get_by_label("Secret access key").fill(SECRET)
    desk.save()
    expect(desk.chip).to_contain_text("DNS missing")
    expect(page.get_by_label("Secret access key")).to_have_value("")
    assert SECRET not in page.content()
    assert desk.portal.settings()["next"]["role_arn"] == ""


def test_the_panel_breaks_no_rule_and_needs_no_sideways_scrolling(
    desk: Desk, axe: Axe, name_server: Bind
) -> None:
    desk.portal.save(form("axe.test", mail_from="bounces.axe.test"))
    desk.portal.change("check-dns")
    publish(name_server, desk.portal.settings()["identity"]["records"][:3])
    desk.portal.change("check-dns")
    for theme in ("", "Dark"):
        if theme:
            desk.press(theme)
        for width in (1280, 390):
            desk.page.set_viewport_size({"width": width, "height": 800})
            desk.open()
            assert violations(axe, desk.page) == []
            assert not is_too_wide(desk.page)


def test_the_panel_in_german(chromium: Browser, hart: Portal) -> None:
    context = chromium.new_context(locale="de-DE", timezone_id="Europe/Berlin")
    page: Page = context.new_page()
    desk = Desk(hart, page).enter()
    page.get_by_label("AWS (empfohlen").check()
    assert english_in(page) == []
    hart.save(form("deutsch.test", mail_from="bounces.deutsch.test"))
    desk.open().press("DNS prüfen")

    expect(page.locator("#dns")).to_contain_text("Amazon wurde gefragt")
    expect(page.locator("#domain")).to_contain_text("Nur wem die Domain gehört")
    assert english_in(page) == []
    context.close()
