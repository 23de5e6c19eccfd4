"""Several messages at once to a real Postfix, which offers CHUNKING: each arrives once."""

import re

import pytest

from tests.forms import message, smtp
from tests.journeys.settings import eventually, go_live
from tests.running import Portal
from tests.servers.postfix import Postfix

COUNT = 24


def bdats(mail_server: Postfix) -> int:
    """How many messages Postfix has had by BDAT, as it sums up at the end of each session."""
    log = (mail_server.folder / "mail.log").read_text("utf-8")
    found = re.findall(r"disconnect from .* bdat=(\d+)(?:/(\d+))?", log)
    return sum(int(taken) for taken, _ in found)


def test_a_window_carries_each_message_once_and_a_refused_recipient_fails_alone(
    hart: Portal, mail_server: Postfix
) -> None:
    go_live(hart, mail_server, smtp(window=4))
    subject, before = f"By window for {hart.slug}", bdats(mail_server)
    people = [f"client{at}@client.test" for at in range(COUNT)]
    people[COUNT // 2] = "nobody@client.test"

    messages = [message(subject, to=[{"email": each}]) for each in people]
    accepted = hart.call("POST", "/messages/batch", {"messages": messages})["items"]
    found = [hart.wait_for(each["id"])["recipients"][0] for each in accepted]
    arrived = mail_server.wait_for(COUNT - 1, subject=subject)
    hart.change("test", {"to": "anna@client.test"})  # it has a session of its own: others end

    assert [each["status"] for each in found].count("failed") == 1
    assert found[COUNT // 2]["status"] == "failed"
    assert sorted(each.recipient for each in arrived) == sorted(
        set(people) - {"nobody@client.test"}
    )
    assert eventually(lambda: bdats(mail_server) > before)
    assert all(each.message.get_content().startswith("Dear Anna") for each in arrived)


def test_the_window_is_seen_kept_by_the_page_and_checked(hart: Portal) -> None:
    hart.save(smtp(window=4))

    assert hart.settings()["next"]["window"] == 4
    for wrong in (0, 9, "many"):
        problem = hart.refused("PUT", hart.form, smtp(window=wrong))
        assert [each["field"] for each in problem["errors"]] == ["window"]
    assert hart.settings()["next"]["window"] == 4


pytestmark = pytest.mark.usefixtures("mail_server")
