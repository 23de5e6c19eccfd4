"""Email Settings by clicking, against real servers: with JavaScript and without."""

import re

import pytest
from playwright.sync_api import expect

from tests.forms import message, smtp
from tests.journeys.pages.desk import Desk
from tests.journeys.settings import code_of, go_live_scripted
from tests.journeys.test_providers import relay
from tests.running import Portal
from tests.servers.bind import Bind
from tests.servers.postfix import PASSWORD, Postfix
from tests.servers.scripted import Scripted

PROVIDERS = [("gmail", 587), ("gmail", 465), ("microsoft365", 587), ("zoho", 465), ("other", 587)]


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def any_desk(request: pytest.FixtureRequest) -> Desk:
    found: Desk = request.getfixturevalue("desk" if "with " in request.param else "plain_desk")
    return found


@pytest.mark.parametrize(("provider", "port"), PROVIDERS)
def test_from_default_to_the_own_server(
    any_desk: Desk, hart: Portal, mail_server: Postfix, provider: str, port: int
) -> None:
    desk = any_desk
    expect(desk.chip).to_contain_text("Not set up")

    desk.fill(smtp(provider=provider, port=port))
    desk.save()
    if provider != "other":
        expect(desk.chip).to_contain_text("DNS missing")
        expect(desk.button("Send Test Email")).to_be_disabled()
        desk.press("Check DNS")
    expect(desk.chip).to_contain_text("Saved, not tested")
    desk.go_live(mail_server)

    expect(desk.chip).to_contain_text("On")
    expect(desk.page.locator("section").first).to_contain_text("SMTP · mail.test")
    expect(desk.page.locator("section").first).to_contain_text("by admin@hart.test")
    sent = hart.wait_for(hart.send(message("By the page")))
    assert sent["recipients"][0]["status"] == "sent"


def test_the_relay_needs_no_login_and_its_port_is_fixed(
    any_desk: Desk, hart: Portal, mail_server: Postfix, name_server: Bind
) -> None:
    desk = any_desk
    form = {**relay("client.test"), "port": 25}

    desk.fill(form)
    desk.save()
    expect(desk.page.locator("[name=port]")).to_have_attribute("readonly", "")
    expect(desk.page.locator("#port-hint")).to_contain_text("Port 25 is fixed")
    proof = hart.change("prove-domain", {"method": "dns"})
    expect(desk.page.locator("#domain")).to_contain_text(proof["value"])
    desk.press("Look for the record")
    expect(desk.page.locator("#domain [role=alert]")).to_contain_text("There is no TXT record")
    name_server.add("_letterhead.client", "TXT", f'"{proof["value"]}"')
    desk.press("Look for the record")
    desk.go_live(mail_server)

    expect(desk.chip).to_contain_text("On")


def test_back_to_default(desk: Desk, hart: Portal, mail_server: Postfix) -> None:
    desk.fill(smtp())
    desk.save()
    desk.go_live(mail_server)

    desk.page.get_by_text("Back to Default …").click()
    desk.press("Back to Default now")

    expect(desk.page.locator("section").first).to_contain_text("Platform default")
    assert hart.settings()["live"]["type"] == "default"
    desk.page.get_by_text("Back to an earlier version …").click()
    desk.press("Back to version 1")
    expect(desk.page.locator("section").first).to_contain_text("SMTP · mail.test")
    assert hart.settings()["live"]["version"] == 1


def test_the_page_says_when_the_password_was_typed(plain_desk: Desk, hart: Portal) -> None:
    hart.save(smtp())
    plain_desk.open()

    field = plain_desk.page.locator(".filled", has_text="Set on")
    expect(field.locator("time")).to_have_count(1)
    hart.save({key: value for key, value in smtp(from_name="A third").items() if key != "password"})
    plain_desk.open()
    expect(field.locator("time")).to_have_count(1)


def test_whoever_looks_after_the_dns_gets_a_page_with_every_record(desk: Desk) -> None:
    desk.portal.save(smtp(provider="gmail", from_address="office@other.test"))
    desk.portal.change("check-dns")
    desk.open()

    with desk.page.expect_download() as started:
        desk.page.get_by_role("link", name="Download the page").click()

    assert started.value.suggested_filename == "dns-other.test.txt"
    text = started.value.path().read_text("utf-8")
    assert "v=spf1 mx include:_spf.google.com -all" in text
    assert "_dmarc.other.test" in text
    row = desk.page.locator("#dns .record").first
    expect(row).to_contain_text("Incomplete")
    expect(row.locator("[data-copy]")).to_have_attribute(
        "data-copy", "v=spf1 mx include:_spf.google.com -all"
    )


def test_a_pass_is_made_and_what_was_typed_stays(plain_desk: Desk) -> None:
    plain_desk.page.locator("[name=from_name]").fill("Typed, not saved")

    plain_desk.press("Make a pass")

    expect(plain_desk.page.locator("#pass pre")).to_contain_text("/enter?token=")
    expect(plain_desk.page.locator("[name=from_name]")).to_have_value("Typed, not saved")
    plain_desk.press("Revoke")
    expect(plain_desk.page.locator("[name=from_name]")).to_have_value("Typed, not saved")
    expect(plain_desk.button("Revoke")).to_have_count(0)


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(any_desk: Desk) -> None:
    any_desk.fill(smtp(server="10.0.0.1", from_address="not an address", from_name="Hart"))
    any_desk.save()

    for name in ("server", "from_address"):
        field = any_desk.page.locator(f"[name={name}]")
        assert field.get_attribute("aria-invalid") == "true"
        told = (field.get_attribute("aria-describedby") or "").split()
        assert f"{name}-error" in told
        expect(any_desk.page.locator(f"#{name}-error")).not_to_be_empty()
    expect(any_desk.page.locator("[name=server]")).to_have_value("10.0.0.1")
    expect(any_desk.page.locator("[name=from_name]")).to_have_value("Hart")
    assert any_desk.portal.settings()["next"] is None


def test_a_typed_server_is_not_overwritten_without_asking(any_desk: Desk) -> None:
    any_desk.page.get_by_label("SMTP Your own mail server").check()
    any_desk.page.locator("[name=server]").fill("mail.hart.test")

    any_desk.choose("gmail")

    expect(any_desk.page.locator("[name=server]")).to_have_value("mail.hart.test")
    any_desk.press("use it")
    expect(any_desk.page.locator("[name=server]")).to_have_value("smtp.gmail.com")
    expect(any_desk.page.locator("[name=port]")).to_have_value("587")


def test_a_test_waits_for_what_is_not_saved(desk: Desk) -> None:
    desk.fill(smtp())
    desk.save()
    expect(desk.button("Send Test Email")).to_be_enabled()

    desk.page.locator("[name=from_address]").fill("sales@client.test")

    expect(desk.button("Send Test Email")).to_be_disabled()
    expect(desk.page.get_by_text("Save first")).to_be_visible()


def test_without_javascript_a_test_keeps_what_is_not_saved(plain_desk: Desk) -> None:
    plain_desk.fill(smtp())
    plain_desk.save()
    plain_desk.page.locator("[name=from_address]").fill("sales@client.test")

    plain_desk.test("anna@client.test")

    expect(plain_desk.page.locator("#test [role=alert]")).to_contain_text("Save first")
    expect(plain_desk.page.locator("[name=from_address]")).to_have_value("sales@client.test")
    assert plain_desk.portal.settings()["next"]["test"] is None


def test_a_wrong_password_is_told_in_words_and_marked_nowhere_else(desk: Desk) -> None:
    desk.fill(smtp(password="not the password"))
    desk.save()

    desk.test("anna@client.test")

    block = desk.page.locator("#test .alert-danger")
    expect(block).to_be_visible()
    expect(desk.chip).to_contain_text("Test failed")
    marked = desk.page.locator("[aria-invalid=true]")
    assert marked.evaluate_all("all => all.map(each => each.name)") == ["login", "password"]
    block.get_by_text("Show the server's reply").click()
    expect(block.locator("pre")).to_contain_text("535")
    desk.open()
    expect(desk.page.locator("#test .alert-danger")).to_be_visible()


def test_after_a_failed_test_of_office_365_the_relay_is_offered(any_desk: Desk) -> None:
    any_desk.portal.save(
        smtp(provider="microsoft365", password="wrong", from_address="office@outlook.test")
    )
    any_desk.portal.change("test", {"to": "anna@client.test"})
    any_desk.open()

    expect(any_desk.page.locator("#test")).to_contain_text("another way, which needs no password")
    any_desk.press("Choose the relay")

    expect(any_desk.page.locator("[name=provider]")).to_have_value("microsoft365_relay")
    expect(any_desk.page.locator("[name=port]")).to_have_attribute("readonly", "")


def test_a_wrong_code_leaves_tries(desk: Desk) -> None:
    desk.fill(smtp())
    desk.save()
    desk.test("anna@client.test")

    desk.page.get_by_label("Code from the test mail").fill("000000")
    desk.page.keyboard.press("Enter")

    expect(desk.page.locator("#code-error")).to_contain_text("Tries left: 5")


def test_the_form_follows_what_is_typed(desk: Desk) -> None:
    page = desk.page
    page.get_by_label("SMTP Your own mail server").check()

    page.locator("[name=server]").fill("hart-test.mail.protection.outlook.com")
    expect(page.locator("[name=port]")).to_have_value("25")
    expect(page.locator("#port-hint")).to_contain_text("fixed")
    page.locator("[name=server]").fill("smtp.hart.test")
    page.locator("[name=port]").fill("465")
    expect(page.locator("#ssl-words")).to_contain_text("from the first byte")
    page.locator("[name=from_name]").fill("Hart")
    page.locator("[name=from_address]").fill("office@hart.test")
    expect(page.locator("[data-preview]")).to_have_text("Hart <office@hart.test>")


def test_the_link_of_the_test_mail_fills_the_code_in(
    desk: Desk, hart: Portal, mail_server: Postfix
) -> None:
    to = f"link-{hart.slug}@client.test"
    desk.fill(smtp())
    desk.save()
    desk.test(to)
    expect(desk.page.get_by_text("accepted the message")).to_be_visible()
    arrived = mail_server.wait_for(1, subject="Test mail for ", recipient=to)
    link = re.search(r"http\S+", arrived[-1].message.get_content())
    assert link

    desk.page.goto(link[0])

    field = desk.page.get_by_label("Code from the test mail")
    expect(field).to_have_value(code_of(mail_server, to))
    assert hart.settings()["next"]["confirmed"] is False
    desk.press("Confirm arrival")
    expect(desk.chip).to_contain_text("Ready to switch on")


def test_the_history_says_who_did_what(desk: Desk, hart: Portal, mail_server: Postfix) -> None:
    hart.save(smtp(from_name="Before", password="a-secret-of-the-first"))
    desk.open().page.locator("[name=from_name]").fill("After")
    desk.page.locator("[name=password]").fill(PASSWORD)
    desk.save()
    desk.go_live(mail_server)

    desk.page.get_by_role("link", name="History").click()

    rows = desk.page.locator("tbody tr")
    expect(rows).to_have_count(4)  # the newest first
    expect(rows.nth(0)).to_contain_text("Switched a version on")
    expect(rows.nth(2)).to_contain_text("admin@hart.test")
    expect(rows.nth(2)).to_contain_text("From Name: Before → After")
    expect(rows.nth(2)).to_contain_text("SMTP Password: typed anew")
    expect(rows.nth(3)).to_contain_text("API")
    text = desk.page.content()
    assert PASSWORD not in text
    assert "a-secret-of-the-first" not in text


def test_a_paused_connection_is_told_with_what_to_do(
    desk: Desk, hart: Portal, server: Scripted
) -> None:
    go_live_scripted(hart, server)
    server.answers["AUTH"] = b"535 5.7.8 Bad credentials\r\n"
    hart.wait_for(hart.send(message("Held")), "held")
    card = desk.open().page.locator("section").first

    expect(desk.chip).to_contain_text("Paused, mail is held")
    expect(card).to_contain_text("1 mail is held; none is lost.")
    expect(card.locator(".alert-title")).to_have_text("The server refused the login")
    marked = desk.page.locator("[aria-invalid=true]")
    assert marked.evaluate_all("all => all.map(each => each.name)") == ["login", "password"]
    desk.press("Use the platform's route meanwhile")
    expect(card).to_contain_text("mail takes the platform's route meanwhile")
    desk.press("Hold mail instead")
    server.answers.clear()
    desk.press("Try again now")

    hart.wait_for(hart.send(message("Flows")), "sent")
    expect(desk.open().chip).to_contain_text("On")
