"""The catalogue of what answers mean."""

from typing import Annotated

from fastapi import APIRouter, Depends

from letterhead.api import show
from letterhead.api.access import any_key
from letterhead.mail import faults
from letterhead.mail.portal import Principal

router = APIRouter(tags=["faults"])


@router.get("/faults")
async def find(_asking: Annotated[Principal, Depends(any_key)]) -> show.Json:
    """
    Every fault with what it says to people, and with examples of the replies that mean it.

    `hold_s` is how long a quota, or a server that needs its time, holds mail at least.
    """
    return {"items": [show.known_fault(each) for each in faults.every()], "next_cursor": None}
