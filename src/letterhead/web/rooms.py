"""What stands in the navigation: the pages of a portal, and those of the operators."""

from collections.abc import Sequence
from dataclasses import dataclass

from letterhead.mail.portal import Portal
from letterhead.mail.rights import Right, Visitor
from letterhead.mail.said import said


@dataclass(frozen=True, slots=True)
class Room:
    """A page that the navigation leads to."""

    name: str
    path: str  # below the portal's, or from the root
    right: Right
    group: str = ""  # the heading under which it stands
    when_held: bool = False  # only while there is held mail


@dataclass(frozen=True, slots=True)
class Link:
    """A room as somebody sees it."""

    name: str
    href: str
    group: str
    here: bool


_SETTINGS = said("Portal Settings")
_OF_PORTAL = (
    Room(said("Messages"), "messages", Right.MESSAGES),
    Room(said("Held mail"), "held", Right.MESSAGES, when_held=True),
    Room(said("Email Settings"), "email-settings", Right.SEE_SETTINGS, _SETTINGS),
    Room(said("People"), "people", Right.MANAGE, _SETTINGS),
    Room(said("API keys"), "keys", Right.MANAGE, _SETTINGS),
    Room(said("Suppressions"), "suppressions", Right.MESSAGES, _SETTINGS),
    Room(said("History"), "history", Right.MANAGE, _SETTINGS),
)
_PLATFORM = said("Platform")
_OF_OPERATORS = (
    Room(said("Portals"), "portals", Right.PLATFORM, _PLATFORM),
    Room(said("Platform route"), "platform", Right.PLATFORM, _PLATFORM),
    Room(said("Health"), "health", Right.PLATFORM, _PLATFORM),
)


def links(visitor: Visitor, portal: Portal | None, path: str, *, held: bool) -> Sequence[Link]:
    """Where somebody may go from the page at `path`."""
    found = []
    if portal:
        base = f"/portals/{portal.slug}"
        found += [
            _link(each, f"{base}/{each.path}", path)
            for each in _OF_PORTAL
            if visitor.may(each.right, portal.id) and (held or not each.when_held)
        ]
    operator = [each for each in _OF_OPERATORS if visitor.may(each.right)]
    found += [_link(each, f"/{each.path}", path, whole=True) for each in operator]
    if not operator and len(visitor.roles) > 1:
        found.append(Link(said("Your portals"), "/portals", "", path == "/portals"))
    return found


def _link(room: Room, href: str, path: str, *, whole: bool = False) -> Link:
    """Pages below a room are in it, but every page is below the list of portals."""
    at = path.partition("?")[0]
    return Link(
        room.name, href, room.group, at == href or (not whole and f"{at}/".startswith(f"{href}/"))
    )
