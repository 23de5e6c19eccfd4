"""The platform's own route: what it is, whether it works, and what it kept."""

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from letterhead.actions import premises
from letterhead.mail import faults
from letterhead.mail.rights import Right
from letterhead.mail.server import Encryption
from letterhead.web.access import SEE_OTHER, Asked, guarded


async def look(asked: Asked) -> Response:
    """The route, and the newest mails where it keeps them."""
    office = asked.office
    found = await premises.platform(office.store, office.premises)
    values = {
        "found": found,
        "route": office.premises.route,
        "folder": office.premises.folder,
        "fault": faults.by_code(found.trouble.fault) if found.trouble else None,
        "sending_addresses": office.sending_addresses,
        "Encryption": Encryption,
    }
    return asked.page("platform.html", values)


async def resume(asked: Asked) -> Response:
    """Let the route be tried at once; the sweep wakes whoever waits behind it."""
    async with asked.office.store.queue() as rows:
        await rows.try_platform(asked.now)
    return RedirectResponse("/platform", SEE_OTHER)


ROUTES = [
    Route("/platform", guarded(Right.PLATFORM, look), methods=["GET"]),
    Route("/platform/resume", guarded(Right.PLATFORM, resume), methods=["POST"]),
]
