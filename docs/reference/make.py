"""
Makes the pages of the reference that stand in the code already.

    make reference
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute

from letterhead.api.access import needs
from letterhead.api.app import PARTS, build
from letterhead.mail.faults import Fault, every
from letterhead.mail.providers import PROVIDERS, Provider

HERE = Path(__file__).parent
_MADE = "<!-- made by `make reference`; change the code and not this page -->"

COMMANDS = (
    "serve",
    "web",
    "work",
    "migrate",
    "doctor",
    "portal add",
    "portal list",
    "portal show",
    "user add",
    "key create",
    "check-domain",
    "explain-reply",
    "demo",
)


def pages() -> Mapping[str, str]:
    """The pages by their file names."""
    return {
        "api.md": _page("API", _API, _routes()),
        "providers.md": _page("Providers", _PROVIDERS, map(_preset, PROVIDERS.values())),
        "faults.md": _page("Faults", _FAULTS, map(_fault, every())),
        "command-line.md": _page("Command line", _COMMAND_LINE, map(_command, COMMANDS)),
    }


_API = """\
All paths begin with `/v1`. A request shows a key: `Authorization: Bearer KEY`. A platform key may
do everything and names the portal of messages in `X-Portal`; a portal's key has scopes, and finds
nothing of other portals (404). Bodies are JSON; unknown fields are refused. Times are RFC 3339 in
UTC. Lists answer `{items, next_cursor}` and take `limit` and `cursor`.

Errors are `application/problem+json` (RFC 9457) with `type`, `title`, `detail` and `status`, and
for forms `errors: [{field, code, message}]`: 400 no JSON, 401 no known key, 403 not allowed,
404 not found, 409 the gate is closed (with `step`) or a conflict, 413 too large, 415 another
content type, 422 not right, 429 too often, 503 and 507 nothing was kept (with `Retry-After`).

`GET /healthz`, `/readyz`, `/metrics` and `/openapi.json` need no key."""

_PROVIDERS = """\
What choosing a provider fills in. The first server and the first port are taken; all stay
editable. `tls` is encrypted from the first byte, `starttls` must be, and `optional` says that the
server takes clear text, too. Where SPF is *required*, a test is possible only when the SPF record
of the From domain lets the provider send."""

_FAULTS = """\
What a server's reply, or a broken connection, means. A fault looks the same in a test, in the
message log and in the API: `{code, title, meaning, who, steps, fields, retry, reply}`. Of `retry`,
`no` fails this recipient, `backoff` tries again by itself, and `fix` waits for a person. A fault
of the connection holds the mail behind it; it is not failed."""

_COMMAND_LINE = """\
Every command exits with 0 if all went well, 1 if not, and 2 for wrong use. What is wrong is one
line on stderr."""


def _page(title: str, introduction: str, parts: Iterable[str]) -> str:
    return "\n\n".join([f"# {title}", _MADE, introduction, *parts]) + "\n"


def _routes() -> Iterator[str]:
    document = build(None, dict).openapi()  # type: ignore[arg-type] # no route is called
    for router in PARTS:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield _route(route, document)


def _route(route: APIRoute, document: Mapping[str, Any]) -> str:
    [method] = route.methods or ("GET",)
    described = document["paths"][f"/v1{route.path}"][method.lower()]
    scope = needs(route)
    who = f"a portal's key with the scope `{scope.value}`" if scope else "a platform key"
    lines = [f"## {method} {route.path}", route.description, f"Needs {who}."]
    lines += _parameters(described.get("parameters", ()))
    lines += _body(described.get("requestBody", {}))
    return "\n\n".join(lines)


def _parameters(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    named = [f"`{each['name']}`" for each in found if each["in"] == "query"]
    if named:
        yield f"Query: {', '.join(named)}."


def _body(found: Mapping[str, Any]) -> Iterator[str]:
    schema = found.get("content", {}).get("application/json", {}).get("schema", {})
    if fields := schema.get("properties"):
        rows = [f"| `{name}` | {_type(each)} |" for name, each in fields.items()]
        yield "\n".join(["| field | type |", "|---|---|", *rows])


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].removesuffix("Body").lower()
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if values := schema.get("enum"):
        return " or ".join(f"`{each}`" for each in values)
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return str(schema.get("format") or schema.get("type", "any"))


def _preset(provider: Provider) -> str:
    ports = ", ".join(f"{port} ({how})" for port, how in provider.ports.items())
    spf = ", ".join(f"`include:{each}`" for each in provider.spf) or "none"
    rows = {
        "id": f"`{provider.key}`",
        "servers": ", ".join(f"`{each}`" for each in provider.servers) or "your own",
        "ports": ports,
        "SPF": f"required: {spf}" if provider.requires_spf else spf,
        "From address": provider.from_rule,
        "note": provider.notice,
        "confirmed": "" if provider.confirmed else "no: check it with the provider",
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value]
    return "\n".join([f"## {provider.name}", "", "| | |", "|---|---|", *lines])


def _fault(fault: Fault) -> str:
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(fault.steps, 1))
    facts = f"Who must act: {fault.who}. Retry: `{fault.retry.value}`."
    if fault.fields:
        facts += f" Fields: {', '.join(f'`{each}`' for each in fault.fields)}."
    parts = [f"## {fault.title}", f"`{fault.code}`. {fault.meaning}", steps, facts]
    return "\n\n".join(each for each in parts if each)


def _command(command: str) -> str:
    told = subprocess.run(
        [sys.executable, "-m", "letterhead", *command.split(), "--help"],
        env={**os.environ, "COLUMNS": "90", "NO_COLOR": "1"},  # noqa: TID251 - a tool
        capture_output=True,
        text=True,
        check=True,
    )
    text = "\n".join(line.rstrip() for line in told.stdout.strip().splitlines())
    text = text.replace("python -m letterhead", "letterhead")
    return f"## letterhead {command}\n\n```\n{text}\n```"


def main() -> None:
    """Write every page."""
    for name, text in pages().items():
        (HERE / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
