"""Templates: a name and values become a response."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.responses import HTMLResponse

from letterhead import __version__


class Errors(dict[str, str]):
    """What is wrong, by field; a field without an error has an empty one."""

    def __missing__(self, field: str) -> str:
        return ""


def moment(at: datetime | str | None) -> str:
    """A time: in UTC here, in the zone of whoever reads it where the page may run its script."""
    if at is None:
        return ""
    found = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)
    words = f"{found:%d %B %Y, %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(f"{found:%Y-%m-%dT%H:%M:%SZ}", words)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("letterhead.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["moment"] = moment
    made.globals["version"] = __version__
    return made


_TEMPLATES = _environment()


def page(name: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Render a template."""
    return HTMLResponse(_TEMPLATES.get_template(name).render(values), status)
