"""The identity at Amazon SES, and where SES is."""

from typing import Annotated

from fastapi import APIRouter, Depends

from letterhead.api import show
from letterhead.api.access import OfficeOf, allow, named_portal
from letterhead.api.settings import overview
from letterhead.mail.portal import Portal, Principal, Scope

router = APIRouter(tags=["email settings"])

Changed = Annotated[Portal, Depends(named_portal(Scope.SETTINGS))]

_IDENTITY = "/portals/{slug}/email-settings/identity"


@router.get("/ses/regions")
async def regions(
    office: OfficeOf, _asking: Annotated[Principal, Depends(allow(Scope.READ))]
) -> show.Json:
    """The regions that have Amazon SES, each with its SMTP server for who prefers type smtp."""
    found = office.regions()
    return {
        "items": [show.region(each) for each in found.values()],
        "next_cursor": None,
    }


@router.post(f"{_IDENTITY}/verify")
async def verify_again(office: OfficeOf, portal: Changed) -> show.Json:
    """Start the verification anew: SES gives up after three days, and mails get lost."""
    await office.identities.verify_again(portal, office.clock())
    return await overview(office, portal)


@router.delete(_IDENTITY)
async def remove(office: OfficeOf, portal: Changed) -> show.Json:
    """Remove the identity at SES, unless it was there before us or serves others, too."""
    gone = await office.identities.remove(portal)
    return {"removed": gone, **await overview(office, portal)}
