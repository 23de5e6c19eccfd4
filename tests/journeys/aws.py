"""Type AWS as the tests fill it in, and the walk until it is live."""

import re
from typing import Any

from tests.forms import Form
from tests.running import Portal
from tests.servers.bind import Bind
from tests.servers.ses import KEYS, REGION, Ses

SECRET = "a-secret-access-key-of-the-firm"


def form(domain: str, **changes: object) -> Form:
    """The form of type AWS."""
    return {
        "type": "ses",
        "region": REGION,
        "from_name": "Hart & Co",
        "from_address": f"office@{domain}",
        "copy_to": "",
        **changes,
    }


def settings_of(name_server: Bind, amazon: Ses) -> dict[str, str]:
    return {
        **KEYS,
        "AWS_ENDPOINT_URL": amazon.url,
        "LETTERHEAD_SES_CONFIGURATION_SET": "desk",
        "LETTERHEAD_DNS_SERVERS": f"127.0.0.1:{name_server.port}",
    }


def publish(name_server: Bind, records: list[Any]) -> None:
    for each in records:
        name = each["name"].removesuffix(".test")
        value = f'"{each["value"]}"' if each["type"] == "TXT" else f"{each['value']}."
        name_server.add(name, each["type"], value)


def prove(name_server: Bind, portal: Portal, domain: str) -> Any:
    record = portal.change("prove-domain", {"method": "dns"})
    name_server.add(f"_letterhead.{domain.removesuffix('.test')}", "TXT", f'"{record["value"]}"')
    return portal.change("prove-domain/confirm")


def code_in(amazon: Ses) -> str:
    text = amazon.taken[-1].message.get_content()
    found = re.search(r"^\s+(\d{6})\s*$", text, re.MULTILINE)
    assert found
    return found[1]


def go_live(portal: Portal, amazon: Ses, name_server: Bind, filled_in: Form) -> None:
    """The whole walk, as the journey below does it step by step."""
    domain = filled_in["from_address"].partition("@")[2]
    portal.save(filled_in)
    portal.change("check-dns")
    publish(name_server, portal.settings()["identity"]["records"])
    prove(name_server, portal, domain)
    assert portal.change("test", {"to": "anna@client.test"})["accepted"]
    portal.change("confirm", {"code": code_in(amazon)})
    portal.change("switch-on")
