"""The API, told from its OpenAPI document: without a script, and with nothing from elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from letterhead.actions.office import Office
from letterhead.web import render
from letterhead.web.access import open_to_all, outside

_METHODS = ("get", "post", "put", "delete")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body; fields of fields have a dot in their names."""

    name: str
    kind: str
    where: str  # path, query, header or body
    needed: bool
    words: str


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one path does."""

    method: str
    path: str
    title: str
    words: str
    fields: Sequence[Field]
    answers: Sequence[str]

    @property
    def anchor(self) -> str:
        return f"{self.method}{self.path}".replace("/", "-").replace("{", "").replace("}", "")


async def look(request: Request, office: Office) -> Response:
    """The routes, by what they are about."""
    groups = by_tag(request.app.state.document())
    return render.page("docs.html", {**outside(request, office), "groups": groups})


ROUTES = [Route("/docs", open_to_all(look))]


def by_tag(document: Json) -> Mapping[str, Sequence[Operation]]:
    """The operations of an OpenAPI document (version 3.1), by their first tag."""
    found: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for method in (each for each in _METHODS if each in item):
            tag = (item[method].get("tags") or ["other"])[0]
            found.setdefault(tag, []).append(_operation(document, method, path, item[method]))
    return found


def _operation(document: Json, method: str, path: str, found: Json) -> Operation:
    title, _, words = found.get("description", found.get("summary", "")).strip().partition("\n")
    return Operation(
        method=method.upper(),
        path=path,
        title=title,
        words=words.strip(),
        fields=[*map(_parameter, found.get("parameters", ())), *_body(document, found)],
        answers=sorted(found.get("responses", ())),
    )


def _parameter(found: Json) -> Field:
    kind, words = _kind(found.get("schema", {})), found.get("description", "")
    return Field(found["name"], kind, found["in"], bool(found.get("required")), words)


def _body(document: Json, found: Json) -> Iterator[Field]:
    for content in found.get("requestBody", {}).get("content", {}).values():
        yield from _fields(document, content.get("schema", {}), "")


def _fields(document: Json, schema: Json, prefix: str) -> Iterator[Field]:
    """The fields of an object, and those of the objects in it."""
    schema = _resolved(document, schema)
    needed = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        words = each.get("description", "")
        yield Field(f"{prefix}{name}", _kind(each), "body", name in needed, words)
        inner = each.get("items", each)
        if "$ref" in inner and prefix.count(".") == 0:
            yield from _fields(document, inner, f"{prefix}{name}.")


def _resolved(document: Json, schema: Json) -> Json:
    """The schema that a reference (RFC 6901) means."""
    found: Any = document
    for part in schema["$ref"].removeprefix("#/").split("/") if "$ref" in schema else ():
        found = found[part]
    return schema if found is document else found


def _kind(schema: Json) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(str(each) for each in schema["enum"])
    if "items" in schema:
        return f"list of {_kind(schema['items'])}"
    kind = schema.get("const", schema.get("type", "object" if "$ref" in schema else "any"))
    return str(kind)
