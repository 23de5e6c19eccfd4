"""Who changed what about a portal."""

from starlette.responses import Response
from starlette.routing import Route

from letterhead.mail.change import Change
from letterhead.mail.rights import Right
from letterhead.mail.said import said
from letterhead.web.access import Asked, guarded, number

_PAGE = 50
# What the forms call the fields that most changes are about; others have their names of the API.
FIELDS = {
    "version": said("Version"),
    "type": said("Type"),
    "provider": said("Provider"),
    "server": said("SMTP Server"),
    "port": said("SMTP Port"),
    "login": said("SMTP Login"),
    "password": said("SMTP Password"),
    "password_set": said("Password set"),
    "from_name": said("From Name"),
    "from_address": said("From Address"),
    "reply_to": said("Answers go to (Reply-To)"),
    "copy_to": said("Send a copy of all emails to"),
    "allow_ssl": said("Allow SSL connection"),
    "window": said("Messages at once over a connection"),
    "key": said("Key"),
    "mails": said("Mails"),
    "message": said("Message"),
    "status": said("Status"),
}


async def look(asked: Asked) -> Response:
    """The newest changes first."""
    before = number(asked.request.query_params.get("before", ""))
    async with asked.office.store.look(asked.portal) as desk:
        found = await desk.changes.find(before=before, limit=_PAGE + 1)
    older = found[_PAGE - 1].id if len(found) > _PAGE else None
    words = {each.name.lower(): each.value for each in Change}
    shown = {"changes": found[:_PAGE], "older": older, "words": words, "fields": FIELDS}
    return asked.page("history.html", shown)


ROUTES = [Route("/portals/{slug}/history", guarded(Right.MANAGE, look), methods=["GET"])]
