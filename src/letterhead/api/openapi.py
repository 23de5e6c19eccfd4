"""What the OpenAPI document says of bodies that the routes read by themselves."""

from typing import Any

from pydantic import BaseModel


def takes(model: type[BaseModel], *, optional: bool = False) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads `model`."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
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
        found |= model.model_json_schema(ref_template="#/components/schemas/{model}").get(
            "$defs", {}
        )
    return found
