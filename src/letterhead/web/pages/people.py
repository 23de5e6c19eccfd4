"""Who may see a portal's pages, and as what."""

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterhead.actions import people, portals
from letterhead.errors import Invalid
from letterhead.mail.portal import Role
from letterhead.mail.rights import Right
from letterhead.web.access import SEE_OTHER, Asked, guarded, numbered
from letterhead.web.render import Errors

ROLES = (Role.ADMIN, Role.CONSULTANT, Role.VIEWER)


async def look(asked: Asked) -> Response:
    """The people of the portal."""
    return await _page(asked)


async def add(asked: Asked) -> Response:
    """Add a person, and show the link by which they choose a password."""
    typed = {"email": asked.form.get("email", "").strip(), "role": asked.form.get("role", "")}
    role = next((each for each in ROLES if each.value == typed["role"]), Role.VIEWER)
    office = asked.office
    try:
        async with office.store.platform() as rows:
            await portals.add_person(rows, typed["email"], role, asked.portal, now=asked.now)
    except Invalid as error:
        errors = Errors({each.field: each.message for each in error.problems})
        return await _page(asked, errors=errors, typed=typed, status=422)
    link = await people.invite(office.store, office.public_url, typed["email"], asked.now)
    return await _page(asked, link=link, invited=typed["email"])


async def remove(asked: Asked) -> Response:
    """Take somebody's role away."""
    async with asked.office.store.platform() as rows:
        await portals.remove_person(rows, asked.portal, numbered(asked, "person"))
    return RedirectResponse(f"/portals/{asked.portal.slug}/people", SEE_OTHER)


_PATH = "/portals/{slug}/people"
ROUTES = [
    Route(_PATH, guarded(Right.MANAGE, look), methods=["GET"]),
    Route(_PATH, guarded(Right.MANAGE, add), methods=["POST"]),
    Route(f"{_PATH}/remove", guarded(Right.MANAGE, remove), methods=["POST"]),
]


async def _page(asked: Asked, *, status: int = 200, **values: object) -> Response:
    async with asked.office.store.look_around() as rows:
        found = await rows.people(asked.portal.id)
    blank = {"errors": Errors(), "typed": {"email": "", "role": ""}, "link": "", "invited": ""}
    return asked.page("people.html", {**blank, "people": found, "roles": ROLES, **values}, status)
