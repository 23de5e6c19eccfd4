"""Strict e-mail addresses and host names: one grammar, narrower than RFC 5321, for every door."""

import re
import unicodedata
from dataclasses import dataclass

import idna

from letterhead.mail.said import said, spoken

LOCAL_LIMIT = 64  # octets (RFC 5321, section 4.5.3.1.1)
ADDRESS_LIMIT = 254  # octets (RFC 5321, section 4.5.3.1.3, less the angle brackets)
HOST_LIMIT = 253  # characters (RFC 1035, section 2.3.4)

# atext of RFC 5322 without what mail systems route by (!, %) or spreadsheets reckon with (=).
_ATOM = r"[A-Za-z0-9#$&'*+/?^_`{|}~-][A-Za-z0-9#$&'*+/=?^_`{|}~-]*"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABELS = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label that inet_aton() reads as an address
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})

_NOT_A_HOST = said("Enter a host name such as smtp.example.com, without port, scheme or address.")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address, and the name that is shown with it."""

    email: str
    name: str = ""


def address(text: str) -> str:
    """
    Read one address (a dot-atom, an at sign, a domain), and give it with its domain folded.

    No quoted local parts, comments, groups, routes or address literals: mail libraries have been
    led by each of them to other recipients. ValueError says in a sentence what is wrong.
    """
    local, at, host_name = text.rpartition("@")
    if len(text) > ADDRESS_LIMIT or len(local) > LOCAL_LIMIT:
        raise ValueError(
            said(
                "An address has at most {limit} characters, {local} before the @.",
                limit=ADDRESS_LIMIT,
                local=LOCAL_LIMIT,
            )
        )
    if not at or not local:
        raise ValueError(said("Enter an address such as office@example.com."))
    if not local.isascii():
        raise ValueError(said("Only ASCII characters may stand before the @ (no SMTPUTF8)."))
    if not _LOCAL.fullmatch(local) or "=?" in local:
        raise ValueError(said("There are characters before the @ that no plain address has."))
    found = f"{local}@{domain(host_name)}"
    if len(found) > ADDRESS_LIMIT:
        raise ValueError(said("An address has at most {limit} characters.", limit=ADDRESS_LIMIT))
    return found


def same(one: str, other: str) -> bool:
    """Whether two addresses lead to one mailbox; ValueError as in `address`."""
    return address(one).lower() == address(other).lower()


def domain(text: str) -> str:
    """Read the domain of an address: a name with a dot, folded to its ASCII form (RFC 5891)."""
    try:
        found = _folded(text)
    except ValueError as error:
        raise ValueError(
            said("The domain of the address is not right: {error}", error=spoken(error))
        ) from error
    if "." not in found:
        raise ValueError(said("The domain of the address needs a dot, as example.com has."))
    return found


def host(text: str) -> str:
    """
    Read the name of a server: trimmed, folded, without the trailing dot.

    An address of any notation is no name: what a name leads to is vetted when it is resolved.
    """
    try:
        return _folded(text.strip().removesuffix("."))
    except ValueError as error:
        raise ValueError(_NOT_A_HOST) from error


def _folded(name: str) -> str:
    """The name in lower case and ASCII, by UTS 46; lengths are checked before anything is done."""
    if not name or len(name) > HOST_LIMIT:
        raise ValueError(said("it has 1 to {limit} characters.", limit=HOST_LIMIT))
    if not name.isascii() or "xn--" in name.lower():
        name = _to_ascii(name)
    name = name.lower()
    if len(name) > HOST_LIMIT or not _LABELS.fullmatch(name):
        raise ValueError(said("it holds characters that a domain name has not."))
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise ValueError(said("it is a number and not a name."))
    return name


def _to_ascii(name: str) -> str:
    try:
        found = idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
        spelled = idna.decode(found)
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(said("it is no internationalised domain name.")) from error
    if any(_mixed(label) for label in spelled.split(".")):
        raise ValueError(said("it mixes alphabets whose letters look alike."))
    return found


def _mixed(label: str) -> bool:
    scripts = {unicodedata.name(each, "?").split(" ", 1)[0] for each in label if each.isalpha()}
    return len(scripts & _ALIKE) > 1
