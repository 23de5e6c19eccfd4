"""The HTTP application."""

from collections.abc import Iterator
from typing import Any

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
    mail,
    messages,
    portals,
    providers,
    settings,
    suppressions,
    webhooks,
)
from letterhead.api.access import demand_policies
from letterhead.api.openapi import definitions


def build(office: Office, counts: health.Counts) -> FastAPI:
    """Put the routes together; a route without a policy is refused here, at the start."""
    app = FastAPI(title="Letterhead", version=__version__, docs_url=None, redoc_url=None)
    app.state.office = office
    errors.install(app)
    app.include_router(health.router)
    app.include_router(hooks.router)
    app.include_router(health.metrics(counts))
    app.include_router(_version_1())
    _describe(app)
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


# What routes read by themselves of the headers.
_ACTING = ("/v1/messages", "/v1/suppressions", "/v1/webhooks")
_ACCEPTING = ("/v1/messages", "/v1/messages/batch")


def _describe(app: FastAPI) -> None:
    """Add what the routes read by themselves to the OpenAPI document, and the way to sign in."""
    document = app.openapi()  # kept by the application, and changed in place
    parts: dict[str, Any] = document.setdefault("components", {})
    parts.setdefault("schemas", {}).update(definitions(mail.MessageBody, mail.BatchBody))
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"key": []}]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            operation["parameters"] = [*operation.get("parameters", ()), *_headers(method, path)]


def _headers(method: str, path: str) -> Iterator[dict[str, Any]]:
    if path.startswith(_ACTING):
        yield _header("X-Portal", "The portal that is meant; for a platform key.")
    if method == "post" and path in _ACCEPTING:
        yield _header("Idempotency-Key", "What comes twice with the same key is sent once.")


def _header(name: str, words: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": words, "schema": {"type": "string"}}
