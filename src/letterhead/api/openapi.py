"""What the OpenAPI document says of what the routes read by themselves."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from letterhead.api import mail

_REF = "#/components/schemas/{model}"

# What routes read by themselves of the headers.
_ACTING = ("/v1/messages", "/v1/suppressions", "/v1/webhooks")
_ACCEPTING = ("/v1/messages", "/v1/messages/batch")


class Application(FastAPI):
    """The application, whose OpenAPI document is made when it is first asked for."""

    def openapi(self) -> dict[str, Any]:
        """What the routes take and answer (OpenAPI 3.1)."""
        if self.openapi_schema is None:
            _complete(super().openapi())  # which keeps it
        return super().openapi()


def takes(*models: type[BaseModel], optional: bool = False) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads one of `models`."""
    schemas = [each.model_json_schema(ref_template=_REF) for each in models]
    for each in schemas:
        each.pop("$defs", None)
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {
        "requestBody": {
            "required": not optional,
            "content": {"application/json": {"schema": schema}},
        }
    }


def _complete(document: dict[str, Any]) -> None:
    """Add what FastAPI does not see: bodies, headers, the way to sign in."""
    parts: dict[str, Any] = document.setdefault("components", {})
    parts.setdefault("schemas", {}).update(_definitions(mail.MessageBody, mail.BatchBody))
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"key": []}]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            operation["parameters"] = [*operation.get("parameters", ()), *_headers(method, path)]


def _definitions(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas that bodies refer to."""
    found: dict[str, Any] = {}
    for model in models:
        found |= model.model_json_schema(ref_template=_REF).get("$defs", {})
    return found


def _headers(method: str, path: str) -> Iterator[dict[str, Any]]:
    if path.startswith(_ACTING):
        yield _header("X-Portal", "The portal that is meant; for a platform key.")
    if method == "post" and path in _ACCEPTING:
        yield _header("Idempotency-Key", "What comes twice with the same key is sent once.")


def _header(name: str, words: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": words, "schema": {"type": "string"}}
