"""Who asks, and what they may: a key becomes a principal, and a name the portal it may see."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute

from letterhead.actions import portals
from letterhead.actions.office import Office
from letterhead.api.errors import Ambiguous, Unauthorized
from letterhead.errors import Forbidden, Invalid, Problem
from letterhead.mail.portal import Portal, Principal, Scope

# Which of two is meant nobody knows: one may have slipped in with what somebody typed.
_ONCE = ("Authorization", "X-Portal", "Idempotency-Key")
ANY = "any"  # what a route needs that every key may use


async def office(request: Request) -> Office:
    """What stands behind every route; no wait, but what is none would run in a thread."""
    return _office(request)


def _office(request: Request) -> Office:
    found = request.app.state.office
    assert isinstance(found, Office)  # noqa: S101 - set by `api.app.build`
    return found


async def principal(request: Request) -> Principal:
    """Whose key the request shows."""
    for name in _ONCE:
        if len(request.headers.getlist(name)) > 1:
            raise Ambiguous(f"Send the header {name} once.")
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not shown.strip():
        raise Unauthorized("Send the header Authorization: Bearer KEY.")
    asked = _office(request)
    found = await asked.store.recognise(shown.strip(), asked.clock())
    if found is None:
        raise Unauthorized("This key is not known, or it was revoked.")
    request.state.by = found.known_as
    return found


async def by(request: Request) -> str:
    """Who the history says it was; stands behind the policy, which finds it out."""
    found: str = request.state.by
    return found


def allow(scope: Scope | None) -> Callable[[Request], Awaitable[Principal]]:
    """The policy of a route: which scope a portal's key needs; None lets only the platform in."""

    async def policy(request: Request) -> Principal:
        asking = await principal(request)
        if not (asking.is_platform if scope is None else asking.may(scope)):
            needed = f"the scope {scope.value}" if scope else "a platform key"
            raise Forbidden(f"This needs {needed}.")
        return asking

    policy.needs = scope  # type: ignore[attr-defined] # read by `needs`
    return policy


async def any_key(request: Request) -> Principal:
    """The policy of a route that every key may use."""
    return await principal(request)


any_key.needs = ANY  # type: ignore[attr-defined] # read by `needs`


def named_portal(scope: Scope | None) -> Callable[[Request], Awaitable[Portal]]:
    """The policy of a route under /v1/portals/{slug}: the portal, if the key may see it."""

    async def policy(request: Request) -> Portal:
        asking = await principal(request)
        store = _office(request).store
        portal = await portals.acting(store, request.path_params["slug"], asking)
        if not (asking.is_platform if scope is None else asking.may(scope)):
            raise Forbidden(f"This needs the scope {scope.value if scope else 'of the platform'}.")
        return portal

    policy.needs = scope  # type: ignore[attr-defined] # read by `needs`
    return policy


def acting_portal(scope: Scope) -> Callable[[Request], Awaitable[Portal]]:
    """The policy of a route on messages: the key's own portal, or the one that X-Portal names."""

    async def policy(request: Request) -> Portal:
        asking = await allow(scope)(request)
        return await acting(request, asking)

    policy.needs = scope  # type: ignore[attr-defined] # read by `needs`
    return policy


async def acting(request: Request, asking: Principal) -> Portal:
    """The portal in whose name a request acts."""
    named = request.headers.get("x-portal") or None
    if named is None and asking.portal_id is None:
        message = "A platform key names the portal in the header X-Portal."
        raise Invalid([Problem("X-Portal", "required", message)])
    return await portals.acting(_office(request).store, named, asking)


def demand_policies(router: APIRouter) -> APIRouter:
    """Refuse to start with a route that does not say who may use it."""
    for route in router.routes:
        if not isinstance(route, APIRoute) or not _policies(route):
            raise TypeError(f"The route {getattr(route, 'path', route)} declares no policy.")
    return router


def needs(route: APIRoute) -> Scope | str | None:
    """The scope that a portal's key needs for a route, or ANY; None lets only the platform in."""
    found: Scope | str | None = _policies(route)[0].needs
    return found


def _policies(route: APIRoute) -> list[Any]:
    called = (each.call for each in route.dependant.dependencies)
    return [each for each in called if hasattr(each, "needs")]


OfficeOf = Annotated[Office, Depends(office)]
By = Annotated[str, Depends(by)]
