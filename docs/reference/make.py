"""
Makes the pages of the reference that stand in the code already.

    make reference
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute

from letterhead.api.access import ANY, needs
from letterhead.api.app import PARTS, build
from letterhead.failpoints import FAILPOINTS
from letterhead.mail.faults import Fault, every, told_by
from letterhead.mail.limits import Limits
from letterhead.mail.providers import PROVIDERS, Provider
from letterhead.mail.reply import Stage
from letterhead.mail.when import When

HERE = Path(__file__).parent
_MADE = "<!-- made by `make reference`; change the code and not this page -->"

COMMANDS = (
    "serve",
    "web",
    "work",
    "migrate",
    "doctor",
    "aws setup",
    "portal add",
    "portal list",
    "portal show",
    "portal export",
    "portal delete",
    "user add",
    "user reset",
    "key create",
    "check-domain",
    "explain-reply",
    "send",
    "demo",
)


def pages() -> Mapping[str, str]:
    """The pages by their file names."""
    return {
        "api.md": _page("API", _API, _routes()),
        "providers.md": _page("Providers", _PROVIDERS, map(_preset, PROVIDERS.values())),
        "faults.md": _page("Faults", _FAULTS, _faults()),
        "command-line.md": _page("Command line", _COMMAND_LINE, map(_command, COMMANDS)),
        "failpoints.md": _page("Failpoints", _FAILPOINTS, [_steps()]),
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

`GET /healthz`, `/readyz`, `/metrics` and `/openapi.json` need no key, nor does `POST
/hooks/amazon-sns`, which takes what Amazon SNS has signed."""

_PROVIDERS = """\
What choosing a provider fills in. The first server and the first port are taken; all stay
editable. `tls` is encrypted from the first byte, `starttls` must be, and `optional` says that the
server takes clear text, too. Where SPF is *required*, a test is possible only when the SPF record
of the From domain lets the provider send."""

_FAULTS = """\
What a server's reply, or a broken connection, means. A fault looks the same in a test, in the
message log and in the API: `{code, title, meaning, who, steps, fields, retry, reply}`.

| `retry` | what becomes of the mail |
|---|---|
| `no` | it fails for this recipient |
| `fix` | somebody must act; a fault of the connection pauses it, and its mail is held |
| `backoff` | it is tried again by itself, later each time |
| `window` | a quota is used up; it is tried again when that time has passed |

A fault of the connection lets all mail behind it wait, and none of it fails; a fault of a message
or a recipient concerns that one alone. A delay that the reply names ("try again in 300 seconds")
is obeyed, between a second and a day.

The same number means many things. So a sentence in the reply counts for more than its enhanced
code, and that for more than its code; the words of the chosen provider count before those that
anybody may say. Where the provider is Other, words that only one provider uses are known all the
same. An example marked *unconfirmed* has been seen by few, and the words of one marked *made up*
are ours."""

_COMMAND_LINE = """\
Every command exits with 0 if all went well, 1 if not, and 2 for wrong use. What is wrong is one
line on stderr."""


_FAILPOINTS = """\
For tests, and for nothing else: `LETTERHEAD_FAILPOINT=NAME:kill` lets a process kill itself
(SIGKILL) when it comes to a step, `NAME:stop` lets it stand still there (SIGSTOP) until SIGCONT.
`:N` behind it waits for the Nth time that this process comes there. What a crash leaves behind at
each step, and that nothing of it is lost, is shown by `tests/journeys/test_failpoints.py`."""


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
    lines = [f"## {method} {route.path}", route.description, f"Needs {_key(needs(route))}."]
    lines += _parameters(described.get("parameters", ()))
    lines += _body(described.get("requestBody", {}))
    return "\n\n".join(lines)


def _key(scope: str | None) -> str:
    if scope == ANY:
        return "a key, whatever its scopes"
    return f"a portal's key with the scope `{scope}`" if scope else "a platform key"


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
        "limits": _limits(provider.limits),
        "note": provider.notice,
        "confirmed": "" if provider.confirmed else "no: check it with the provider",
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value]
    return "\n".join([f"## {provider.name}", "", "| | |", "|---|---|", *lines])


def _limits(found: Limits) -> str:
    paces = {"minute": found.per_minute, "day": found.per_day}
    told = [f"{count:,} messages a {name}" for name, count in paces.items() if count]
    return ", ".join([f"{found.connections} connections", *told])


def _faults() -> Iterator[str]:
    for group, found in groupby(every(), key=lambda fault: fault.group):
        faults = list(found)
        said = [each.providers for fault in faults for each in told_by(fault)]
        sayers = frozenset().union(*said)
        yield f"## {group}"
        if sayers in said and sayers:
            yield f"Said by {_names(sayers)}, where an example names nobody."
        for fault in faults:
            yield _fault(fault, sayers)


def _names(providers: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in sorted(providers))


def _span(hold: timedelta) -> str:
    minutes, seconds = divmod(round(hold.total_seconds()), 60)
    return f"{minutes} minutes" if minutes else f"{seconds} seconds"


def _fault(fault: Fault, sayers: frozenset[str]) -> str:
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(fault.steps, 1))
    facts = f"Who must act: {fault.who}. Retry: `{fault.retry.value}`"
    facts += f", {_span(fault.hold)} at least." if fault.hold else "."
    facts += f" Scope: {fault.scope}."
    if fault.fields:
        facts += f" Fields: {', '.join(f'`{each}`' for each in fault.fields)}."
    examples = "\n".join(_example(each, sayers) for each in told_by(fault) if each.example)
    parts = [f"### {fault.title}", f"`{fault.code}`. {fault.meaning}", steps, facts, examples]
    return "\n\n".join(each for each in parts if each)


def _example(when: When, sayers: frozenset[str]) -> str:
    where = " or ".join(each.value for each in Stage if each in when.stages) or "any stage"
    marks = {"made up": when.synthetic, "unconfirmed": not when.confirmed}
    notes = [where, *(f"*{mark}*" for mark, is_so in marks.items() if is_so)]
    if when.providers != sayers:
        notes.insert(0, _names(when.providers))
    return f"* `{' / '.join(when.example.splitlines())}` ({', '.join(notes)})"


def _steps() -> str:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in FAILPOINTS.items()]
    return "\n".join(["| name | the step |", "|---|---|", *rows])


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
