"""The provider drop-down."""

from typing import Annotated

from fastapi import APIRouter, Depends

from letterhead.api import show
from letterhead.api.access import OfficeOf, allow
from letterhead.mail.portal import Principal, Scope
from letterhead.mail.providers import PROVIDERS

router = APIRouter(tags=["settings"])


@router.get("/providers")
async def find(
    office: OfficeOf, _asking: Annotated[Principal, Depends(allow(Scope.READ))]
) -> show.Json:
    """
    Every provider with what the form fills in, in the order in which they are shown.

    `sending_addresses` are ours: the connector of a relay that trusts addresses needs them.
    """
    return {
        "items": [show.provider(each) for each in PROVIDERS.values()],
        "next_cursor": None,
        "sending_addresses": list(office.sending_addresses),
    }
