"""Email Settings as the tests fill them in."""

from collections.abc import Mapping
from typing import Any

from tests.servers.postfix import LOGIN, PASSWORD

Form = Mapping[str, Any]

SMTP: Form = {
    "type": "smtp",
    "provider": "other",
    "server": "mail.test",
    "port": 587,
    "login": LOGIN,
    "password": PASSWORD,
    "from_name": "Hart & Co",
    "from_address": LOGIN,
    "copy_to": "",
    "allow_ssl": True,
}
DEFAULT: Form = {
    "type": "default",
    "from_name": "",
    "reply_to": "office@client.test",
    "copy_to": "",
}


def smtp(**changes: object) -> Form:
    """The form with some fields filled in otherwise."""
    return {**SMTP, **changes}


def message(subject: str = "Invoice", **fields: object) -> Mapping[str, Any]:
    """A message as the platform hands it in."""
    to = [{"email": "anna@client.test", "name": "Anna"}]
    return {"to": to, "subject": subject, "text": "Dear Anna,\n\nHart & Co\n", **fields}
