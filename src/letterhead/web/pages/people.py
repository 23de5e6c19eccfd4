"""Who may see a portal's pages, and as what."""

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterhead.actions import invitations, portals
from letterhead.actions.invitations import Invited
from letterhead.errors import Invalid, TooMany
from letterhead.mail.change import Change
from letterhead.mail.portal import Role
from letterhead.mail.rights import Right
from letterhead.mail.said import said, spoken
from letterhead.web.access import SEE_OTHER, Asked, guarded, numbered
from letterhead.web.render import Errors

_PAGE = 50
ROLES = {
    Role.ADMIN: said("everything in this portal"),
    Role.CONSULTANT: said("fill in, test and check Email Settings; no messages, no switching on"),
    Role.VIEWER: said("look at Email Settings and messages, without their bodies"),
}


async def look(asked: Asked) -> Response:
    """The people of the portal."""
    return await _page(asked)


async def add(asked: Asked) -> Response:
    """Add a person, who is written how to sign in."""
    typed = {"email": asked.form.get("email", "").strip(), "role": asked.form.get("role", "")}
    role, office = _role(typed["role"]), asked.office
    try:
        async with office.store.platform(by=asked.visitor.email) as rows:
            await portals.add_person(rows, typed["email"], role, asked.portal, now=asked.now)
    except Invalid as error:
        errors = Errors({each.field: each.message for each in error.problems})
        return await _page(asked, errors=errors, typed=typed, status=422)
    invited = Invited(typed["email"], role, asked.portal)
    await invitations.welcome(office, invited, asked.now)
    return await _page(asked, written=typed["email"])


async def change(asked: Asked) -> Response:
    """Give somebody another role."""
    async with asked.office.store.platform(by=asked.visitor.email) as rows:
        role, number = _role(asked.form.get("role", "")), numbered(asked, "person")
        await portals.change_role(rows, asked.portal, number, role, now=asked.now)
    return _back(asked)


async def send_link(asked: Asked) -> Response:
    """Write somebody a link by which they accept their role, or choose a new password."""
    async with asked.office.store.look_around() as rows:
        found = await portals.person(rows, asked.portal, numbered(asked, "person"))
    invited = Invited(found.email, Role(found.role), asked.portal)
    send = invitations.send_password_link if found.accepted_at else invitations.welcome
    try:
        await send(asked.office, invited, asked.now)
    except TooMany as error:
        return await _page(asked, note=spoken(error), status=429)
    async with asked.office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        await desk.changes.note(Change.LINK_SENT, asked.now, {"person": [None, found.email]})
    return await _page(asked, written=found.email)


async def remove(asked: Asked) -> Response:
    """Take somebody's role away."""
    async with asked.office.store.platform(by=asked.visitor.email) as rows:
        await portals.remove_person(rows, asked.portal, numbered(asked, "person"), asked.now)
    return _back(asked)


_PATH = "/portals/{slug}/people"
ROUTES = [
    Route(_PATH, guarded(Right.MANAGE, look), methods=["GET"]),
    Route(_PATH, guarded(Right.MANAGE, add), methods=["POST"]),
    Route(f"{_PATH}/role", guarded(Right.MANAGE, change), methods=["POST"]),
    Route(f"{_PATH}/link", guarded(Right.MANAGE, send_link), methods=["POST"]),
    Route(f"{_PATH}/remove", guarded(Right.MANAGE, remove), methods=["POST"]),
]


def _role(text: str) -> Role:
    return next((each for each in ROLES if each.value == text), Role.VIEWER)


def _back(asked: Asked) -> Response:
    return RedirectResponse(f"/portals/{asked.portal.slug}/people", SEE_OTHER)


async def _page(asked: Asked, *, status: int = 200, **values: object) -> Response:
    after = asked.request.query_params.get("after", "")
    async with asked.office.store.look_around() as rows:
        found = await rows.people(asked.portal.id, after=after, limit=_PAGE + 1)
    more = found[_PAGE - 1].email if len(found) > _PAGE else ""
    blank = {"errors": Errors(), "typed": {"email": "", "role": ""}, "written": "", "note": ""}
    shown = {"people": found[:_PAGE], "more": more, "roles": ROLES}
    return asked.page("people.html", {**blank, **shown, **values}, status)
