"""The guide for people, served beside the pages that link to it: it works without the Internet."""

from functools import cache
from importlib import resources
from pathlib import PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from letterhead.actions.office import Office
from letterhead.errors import NotFound
from letterhead.mail.said import said
from letterhead.mail.settings import SES
from letterhead.web import render
from letterhead.web.access import open_to_all, outside

_OF_PROVIDER = {
    "microsoft365": "office-365",
    "microsoft365_relay": "office-365-relay",
    "gmail": "gmail",
    "zoho": "zoho",
    SES: "amazon-ses",
}
PAGES = frozenset(
    {
        "admins",
        "consultants",
        "smtp-servers",
        "smtp-ports",
        "app-passwords",
        "providers/dns-records",
        *(f"providers/{each}" for each in [*_OF_PROVIDER.values(), "other"]),
    }
)


def help_of(provider: str) -> str:
    """The page about a provider."""
    return f"providers/{_OF_PROVIDER.get(provider, 'other')}"


async def look(request: Request, office: Office) -> Response:
    """A page of the guide."""
    name = request.path_params["name"]
    if name not in PAGES:
        raise NotFound(said("There is no such page."))
    title, html = rendered(name)
    values = {**outside(request, office), "title": title, "html": Markup(html)}  # noqa: S704 - ours
    return render.page("help.html", values)


ROUTES = [Route("/help/{name:path}", open_to_all(look), methods=["GET"])]


@cache
def rendered(name: str) -> tuple[str, str]:
    """The title and the HTML of a page of the guide."""
    text = (resources.files("letterhead.web") / "guide" / f"{name}.md").read_text("utf-8")
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for token in tokens:
        if token.children:
            token.children = [each for each in token.children if _kept(each, name)]
    return tokens[1].content, str(reader.renderer.render(tokens, reader.options, {}))


def _kept(token: Token, name: str) -> bool:
    """Point a link to where its page is served; pictures are left out."""
    if token.type == "link_open":
        token.attrs["href"] = _served(str(token.attrs["href"]), name)
    return token.type != "image"


def _served(href: str, name: str) -> str:
    """A link from a page of the guide; what is not served here leads to the guide's first page."""
    if href.startswith(("http:", "https:", "#")):
        return href
    parts: list[str] = []
    for part in [*PurePosixPath(name).parent.parts, *PurePosixPath(href).parts]:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    page = "/".join(parts).partition("#")[0].removesuffix(".md")
    return f"/help/{page if page in PAGES else 'consultants'}"
