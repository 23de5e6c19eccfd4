"""What the OpenAPI document says of bodies that the routes read by themselves."""

from typing import Any

from pydantic import BaseModel

_REF = "#/components/schemas/{model}"


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


def definitions(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas that bodies refer to."""
    found: dict[str, Any] = {}
    for model in models:
        found |= model.model_json_schema(ref_template=_REF).get("$defs", {})
    return found
