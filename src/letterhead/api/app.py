"""The HTTP application."""

from fastapi import APIRouter, FastAPI

from letterhead import __version__
from letterhead.actions.office import Office
from letterhead.api import (
    accept,
    domains,
    errors,
    faults,
    health,
    held,
    hooks,
    identities,
    messages,
    portals,
    providers,
    settings,
    suppressions,
    webhooks,
)
from letterhead.api.access import demand_policies
from letterhead.api.openapi import Application


def build(office: Office, counts: health.Counts) -> FastAPI:
    """Put the routes together; a route without a policy is refused here, at the start."""
    app = Application(title="Letterhead", version=__version__, docs_url=None, redoc_url=None)
    app.state.office = office
    errors.install(app)
    app.include_router(health.router)
    app.include_router(hooks.router)
    app.include_router(health.metrics(counts))
    app.include_router(_version_1())
    return app


PARTS = (
    portals.router,
    providers.router,
    faults.router,
    settings.router,
    domains.router,
    identities.router,
    held.router,
    accept.router,
    messages.router,
    suppressions.router,
    webhooks.router,
)


def _version_1() -> APIRouter:
    router = APIRouter(prefix="/v1")
    for part in PARTS:
        router.include_router(demand_policies(part))
    return router
