"""The walk through Email Settings that many journeys begin with."""

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tests.forms import Form, smtp
from tests.running import Portal
from tests.servers.postfix import Postfix
from tests.servers.scripted import Scripted

T = TypeVar("T")


def eventually(look: Callable[[], T]) -> T:
    """Look again until there is something to be seen."""
    ends = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < ends, "waited for nothing"
        time.sleep(0.05)
    return found


def code_of(server: Postfix, recipient: str) -> str:
    """The code in the test mail that arrived for `recipient`."""
    arrived = server.wait_for(1, subject="Test mail for ", recipient=recipient)
    found = re.search(r"^\s+(\d{6})\s*$", arrived[-1].message.get_content(), re.MULTILINE)
    assert found
    return found[1]


def states(overview: Any) -> dict[str, str]:
    return {each["step"]: each["state"] for each in overview["checklist"]}


def go_live(portal: Portal, server: Postfix, form: Form) -> Any:
    """Save, test, confirm, switch on."""
    recipient = f"test-{portal.slug}@client.test"
    portal.save(form)
    tested = portal.change("test", {"to": recipient})
    assert tested["accepted"], tested
    portal.change("confirm", {"code": code_of(server, recipient)})
    return portal.change("switch-on")


def go_live_scripted(hart: Portal, server: Scripted, **changes: object) -> Form:
    """Switch the portal on with the scripted server."""
    form = smtp(server="localhost", port=server.port, **changes)
    hart.save(form)
    assert hart.change("test", {"to": "anna@client.test"})["accepted"]
    code = server.taken.pop().content.decode().split("    ")[1].split("\r\n")[0]
    hart.change("confirm", {"code": code})
    hart.change("switch-on")
    return form
