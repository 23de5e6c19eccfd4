"""How the service is: what waits, what is paused, what is wrong with the installation."""

from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import Route

from letterhead.actions import premises
from letterhead.actions.premises import Finding
from letterhead.mail import faults
from letterhead.mail.rights import Right
from letterhead.web.access import Asked, guarded


async def look(asked: Asked) -> Response:
    """How it is now."""
    return await _page(asked, ())


async def examine(asked: Asked) -> Response:
    """Do what `letterhead doctor` does, and show what it found."""
    return await _page(asked, await asked.office.premises.examine())


ROUTES = [
    Route("/health", guarded(Right.PLATFORM, look), methods=["GET"]),
    Route("/health", guarded(Right.PLATFORM, examine), methods=["POST"]),
]


async def _page(asked: Asked, findings: Sequence[Finding]) -> Response:
    office = asked.office
    found = await premises.health(office.store, office.premises, asked.now)
    values = {"found": found, "findings": findings, "fault_of": faults.by_code, "now": asked.now}
    return asked.page("health.html", values)
