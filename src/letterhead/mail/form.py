"""What is found while a form is read: problems by field, and the sender that every form has."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from letterhead.errors import Problem
from letterhead.mail import address, header
from letterhead.mail.said import said, spoken
from letterhead.mail.secret import Secret

PASSWORD_LIMIT = 1024
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

_MASK = re.compile(r"[*\u2022\u25cf\u00b7]+")


class Findings:
    """The problems found so far, one a field: the first says most."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(each.field for each in self.problems)

    def extend(self, problems: Iterable[Problem]) -> None:
        self.problems += [each for each in problems if each.field not in self.fields]

    def add(self, field: str, message: str | None, code: str = "invalid") -> None:
        if message:
            self.extend([Problem(field, code, message)])

    def read(self, field: str, text: str, reader: Callable[[str], str]) -> str:
        """Read one field; where it is not right, note why and keep it as it was typed."""
        try:
            return reader(text)
        except ValueError as error:
            self.add(field, spoken(error))
            return text


class SenderFields(NamedTuple):
    """Who mail is from, and who gets a copy of everything."""

    from_name: str
    from_address: str
    copy_to: str


def sender_fields(typed: SenderFields, found: Findings) -> SenderFields:
    """The same, normalised where it is right; what is not is noted in `found`."""
    if not typed.from_address:
        found.add("from_address", said("Enter the address that mail is sent as."), "required")
    found.add("from_name", header.display_name_problem(typed.from_name))
    return SenderFields(
        typed.from_name,
        found.read("from_address", typed.from_address, address.address),
        found.read("copy_to", typed.copy_to, address.address) if typed.copy_to else "",
    )


def secret_problems(typed: Secret, *, field: str, name: str) -> Iterable[Problem]:
    """What is wrong with a secret that was typed; `name` is what people call it."""
    text = typed.reveal()
    if not text:
        message = said("Type the {name}, or leave it out to keep it.", name=name)
        yield Problem(field, "empty", message)
    elif _MASK.fullmatch(text):
        message = said("This is a mask and not a {name}: type the {name}.", name=name)
        yield Problem(field, "mask", message)
    elif len(text) > PASSWORD_LIMIT or CONTROL.search(text):
        message = said("The {name} is too long or has control characters.", name=name)
        yield Problem(field, "invalid", message)
