"""A connection that a person must mend: its mail is held, told once, and let go in the end."""

import pytest

from tests.forms import Form, message, smtp
from tests.journeys.conftest import ON_BOTH
from tests.journeys.settings import eventually, go_live_scripted
from tests.running import Platform, Portal
from tests.servers.scripted import Scripted

pytestmark = ON_BOTH

WRONG_LOGIN = b"535 5.7.8 Bad credentials\r\n"


@pytest.fixture
def form(hart: Portal, server: Scripted) -> Form:
    """The settings of a portal whose server has just begun to refuse its login."""
    form = go_live_scripted(hart, server)
    server.answers["AUTH"] = WRONG_LOGIN
    return form


def hold(hart: Portal, *subjects: str) -> list[str]:
    """Send messages, and wait until they are held."""
    ids = [hart.send(message(each)) for each in subjects]
    for each in ids:
        hart.wait_for(each, "held")
    return ids


def subjects(server: Scripted) -> list[str]:
    lines = [each.content.decode().split("\r\nSubject: ")[1] for each in server.taken]
    return [each.split("\r\n")[0] for each in lines]


def logins(server: Scripted) -> int:
    return sum(line.startswith("AUTH") for line in server.said)


STOPPED, FLOWS = "your mail server does not take mail any more", "your mail flows again"


def told(hart: Portal) -> list[str]:
    """What the portal's people were told of its connection, in order."""
    items = hart.call("GET", "/messages")["items"]
    system = [each for each in reversed(items) if each["class"] == "system"]
    assert all(each["recipients"][0]["email"] == "office@client.test" for each in system)
    subjects = [each["subject"].partition(": ")[2] for each in system]
    return [each for each in subjects if each in {STOPPED, FLOWS}]


@pytest.mark.usefixtures("form")
def test_people_are_told_once_and_once_when_it_is_over(hart: Portal, server: Scripted) -> None:
    ids = hold(hart, "One", "Two")
    eventually(lambda: told(hart))
    before = logins(server)
    for _ in range(5):
        hart.change("resume")
        eventually(lambda: logins(server) > before)  # it is refused again, and not tried again
    connection = hart.settings()["connection"]
    ids += hold(hart, "Three")
    while_held, tried = told(hart), logins(server) - before
    server.answers.clear()

    go_live_scripted(hart, server)
    for each in ids:
        hart.wait_for(each, "sent")
    eventually(lambda: len(told(hart)) > 1)

    assert tried == 1
    assert connection["next_try_at"] > connection["since"]
    assert while_held == [STOPPED]
    assert told(hart) == [STOPPED, FLOWS]
    assert subjects(server) == ["One", "Two", "Three"]


@pytest.mark.usefixtures("form")
def test_a_sign_in_tells_that_it_is_over_where_no_mail_waits(
    hart: Portal, server: Scripted
) -> None:
    hold(hart, "One")
    hart.call("POST", f"/portals/{hart.slug}/held/discard")
    del server.answers["AUTH"]

    hart.change("resume")
    eventually(lambda: hart.settings()["connection"]["state"] == "active")
    eventually(lambda: told(hart) == [STOPPED, FLOWS])

    assert server.taken == []


@pytest.mark.usefixtures("form")
def test_what_people_are_told_leaves_by_the_platform_s_route(hart: Portal) -> None:
    hold(hart, "One")

    name = hart.call("GET", f"/portals/{hart.slug}")["name"]

    def news() -> list[str]:
        mails = [each.read_text() for each in hart.platform.captured()]
        return [each for each in mails if f"Subject: {name}: {STOPPED}" in each]

    mails = eventually(news)

    assert len(mails) == 1
    assert "The server said: 535 5.7.8 Bad credentials" in mails[0]
    assert "via Desk <no-reply@desk.test>" in mails[0]


def test_a_new_password_lets_mail_flow_in_order(hart: Portal, server: Scripted, form: Form) -> None:
    ids = hold(hart, "One", "Two", "Three")
    server.answers.clear()

    go_live_scripted(hart, server)

    assert [hart.wait_for(each, "sent")["subject"] for each in ids] == ["One", "Two", "Three"]
    assert subjects(server) == ["One", "Two", "Three"]
    assert hart.settings()["connection"] == {
        "state": "active",
        "since": None,
        "fault": None,
        "held": 0,
    }


@pytest.mark.usefixtures("form")
def test_held_mail_is_listed_page_by_page(hart: Portal) -> None:
    hold(hart, "One", "Two", "Three")
    path = f"/portals/{hart.slug}/held"

    first = hart.call("GET", f"{path}?limit=2")
    rest = hart.call("GET", f"{path}?limit=2&cursor={first['next_cursor']}")

    assert [each["subject"] for each in first["items"]] == ["One", "Two"]
    assert [each["subject"] for each in rest["items"]] == ["Three"]
    assert (first["count"], rest["next_cursor"]) == (3, None)
    assert all(each["held_since"] and not each["kept_back"] for each in first["items"])


@pytest.mark.usefixtures("form")
def test_held_mail_is_released_in_parts(hart: Portal, server: Scripted) -> None:
    ids = hold(hart, "One", "Two", "Three")
    del server.answers["AUTH"]

    released = hart.call("POST", f"/portals/{hart.slug}/held/release", {"limit": 1})
    hart.wait_for(ids[0], "sent")
    fresh = hart.send(message("Fresh"))
    hart.wait_for(fresh, "sent")
    kept_back = [hart.statuses(each) for each in ids[1:]]
    count = hart.settings()["connection"]["held"]
    rest = hart.call("POST", f"/portals/{hart.slug}/held/release")
    for each in ids:
        hart.wait_for(each, "sent")

    assert (released, rest) == ({"released": 1}, {"released": 2})
    assert (kept_back, count) == ([["held"], ["held"]], 2)
    assert subjects(server) == ["One", "Fresh", "Two", "Three"]


@pytest.mark.usefixtures("form")
def test_held_mail_is_discarded_the_oldest_first(hart: Portal, server: Scripted) -> None:
    ids = hold(hart, "One", "Two", "Three")

    gone = hart.call("POST", f"/portals/{hart.slug}/held/discard", {"limit": 2})
    found = [hart.statuses(each)[0] for each in ids]
    events = hart.call("GET", f"/messages/{ids[0]}/events")["items"]
    rest = hart.call("POST", f"/portals/{hart.slug}/held/discard")

    assert (gone, rest) == ({"discarded": 2}, {"discarded": 1})
    assert found == ["cancelled", "cancelled", "held"]
    assert events[-1]["kind"] == "cancelled"
    assert hart.settings()["connection"]["held"] == 0
    assert server.taken == []


@pytest.mark.usefixtures("form")
def test_a_portal_may_fall_back_to_the_platform_s_route_and_return(
    hart: Portal, server: Scripted, platform: Platform
) -> None:
    held = hold(hart, "One")

    on = hart.call("PUT", f"{hart.form}/fallback", {"enabled": True})
    captured = hart.wait_for(held[0], "captured")
    second = hart.wait_for(hart.send(message("Two")), "captured")
    del server.answers["AUTH"]
    hart.change("resume")
    third = hart.wait_for(hart.send(message("Three")), "sent")

    assert (on["fallback"], on["connection"]["state"]) == ({"enabled": True}, "paused")
    assert on["connection"]["held"] == 0
    assert subjects(server) == ["Three"]
    mails = [each.read_text() for each in platform.captured()]
    mine = next(each for each in mails if f"Message-ID: {captured['message_id']}" in each)
    assert "via Desk <no-reply@desk.test>" in mine
    assert "Reply-To: office@client.test" in mine
    assert (second["subject"], third["subject"]) == ("Two", "Three")


@pytest.mark.parametrize("body", [{}, {"enabled": None}, {"enabled": "yes"}])
def test_fallback_is_on_or_off(hart: Portal, body: Form) -> None:
    refused = hart.refused("PUT", f"{hart.form}/fallback", body)

    assert refused["errors"][0]["field"] == "enabled"


@pytest.mark.parametrize("what", ["release", "discard"])
def test_a_part_is_at_least_one(hart: Portal, what: str) -> None:
    refused = hart.refused("POST", f"/portals/{hart.slug}/held/{what}", {"limit": 0})

    assert refused["errors"][0]["field"] == "limit"


def test_with_nothing_held_there_is_nothing_to_release(hart: Portal) -> None:
    hart.save(smtp())

    listed = hart.call("GET", f"/portals/{hart.slug}/held")
    released = hart.call("POST", f"/portals/{hart.slug}/held/release")
    discarded = hart.call("POST", f"/portals/{hart.slug}/held/discard")

    assert listed == {"count": 0, "items": [], "next_cursor": None}
    assert (released, discarded) == ({"released": 0}, {"discarded": 0})
