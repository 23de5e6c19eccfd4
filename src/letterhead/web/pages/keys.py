"""The API keys of a portal."""

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterhead.actions import portals
from letterhead.errors import Invalid
from letterhead.mail.portal import Scope
from letterhead.mail.rights import Right
from letterhead.web.access import SEE_OTHER, Asked, guarded, number, numbered
from letterhead.web.render import Errors

_PAGE = 50


async def look(asked: Asked) -> Response:
    """The keys that were not revoked."""
    return await _page(asked)


async def issue(asked: Asked) -> Response:
    """Make a key, and show it this once."""
    name = asked.form.get("name", "").strip()
    scopes = [each for each in Scope if asked.form.get(f"scope-{each.value}")]
    try:
        async with asked.office.store.platform(by=asked.visitor.email) as rows:
            made = await portals.issue_key(rows, asked.portal, name, scopes, now=asked.now)
    except Invalid as error:
        errors = Errors({each.field: each.message for each in error.problems})
        return await _page(asked, errors=errors, name=name, chosen=scopes, status=422)
    return await _page(asked, made=made.reveal())


async def revoke(asked: Asked) -> Response:
    """Let a key open nothing any more."""
    async with asked.office.store.platform(by=asked.visitor.email) as rows:
        await portals.revoke_key(rows, asked.portal, numbered(asked, "key"), asked.now)
    return RedirectResponse(f"/portals/{asked.portal.slug}/keys", SEE_OTHER)


_PATH = "/portals/{slug}/keys"
ROUTES = [
    Route(_PATH, guarded(Right.MANAGE, look), methods=["GET"]),
    Route(_PATH, guarded(Right.MANAGE, issue), methods=["POST"]),
    Route(f"{_PATH}/revoke", guarded(Right.MANAGE, revoke), methods=["POST"]),
]


async def _page(asked: Asked, *, status: int = 200, **values: object) -> Response:
    after = number(asked.request.query_params.get("after", "")) or 0
    async with asked.office.store.look_around() as rows:
        found = await rows.keys(asked.portal.id, after=after, limit=_PAGE + 1)
    more = found[_PAGE - 1].id if len(found) > _PAGE else None
    blank = {"errors": Errors(), "name": "", "chosen": [Scope.SEND, Scope.READ], "made": ""}
    shown = {"keys": found[:_PAGE], "more": more, "scopes": list(Scope)}
    return asked.page("keys.html", {**blank, **shown, **values}, status)
