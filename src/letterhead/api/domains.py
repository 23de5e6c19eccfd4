"""The From domain: what DNS says of it, whose mail it is, and that it is the portal's own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from letterhead.actions.domains import filled_by, filled_for
from letterhead.api import show
from letterhead.api.access import OfficeOf, named_portal
from letterhead.api.body import Body, read_if_any, read_strictly
from letterhead.api.codes import CodeBody, demand_right
from letterhead.api.openapi import takes
from letterhead.api.settings import overview
from letterhead.errors import Invalid, Problem
from letterhead.mail.portal import Portal, Scope
from letterhead.mail.providers import PROVIDERS

router = APIRouter(prefix="/portals/{slug}/email-settings", tags=["email settings"])

Changed = Annotated[Portal, Depends(named_portal(Scope.SETTINGS))]


class ProofBody(Body):
    """How the domain is to be proven: by a TXT record (dns), or a code to its postmaster (mail)."""

    method: str = "dns"
    to: str = ""


class PrefillBody(Body):
    """The provider that was chosen, the From address that was typed, or both."""

    provider: str = ""
    from_address: str = ""


@router.post("/check-dns")
async def check_dns(office: OfficeOf, portal: Changed) -> show.Json:
    """Ask DNS anew: the SPF record of the From domain, what to publish, DMARC and MX."""
    return dict(await office.domains.run(portal, office.clock()))


@router.post("/prefill", openapi_extra=takes(PrefillBody))
async def prefill(request: Request, office: OfficeOf, portal: Changed) -> show.Json:  # noqa: ARG001 - the policy
    """
    What the form fills in for a provider, or for a From address (by the MX of its domain).

    With both, the provider's server of that domain: its data centre, or its own relay.
    """
    body = await read_strictly(request, PrefillBody)
    if body.provider in PROVIDERS:
        found = await filled_by(
            office.domains.dns, PROVIDERS[body.provider], body.from_address.strip()
        )
        return show.filled(found)
    if body.provider or not body.from_address:
        raise Invalid([Problem("provider", "unknown", "Choose a provider from the list.")])
    return show.filled(await filled_for(office.domains.dns, body.from_address))


@router.post("/prove-domain", openapi_extra=takes(ProofBody))
async def prove_domain(request: Request, office: OfficeOf, portal: Changed) -> show.Json:
    """The TXT record to publish, or a code to the postmaster: for a relay without a login."""
    body = await read_strictly(request, ProofBody)
    match body.method:
        case "dns":
            return dict(await office.ownership.record(portal))
        case "mail":
            sent = await office.ownership.send_code(portal, body.to, office.clock())
            return {**sent, "valid_until": show.moment(sent["valid_until"])}
        case _:
            raise Invalid([Problem("method", "unknown", "Choose dns or mail.")])


@router.post("/prove-domain/confirm", openapi_extra=takes(CodeBody))
async def confirm_domain(request: Request, office: OfficeOf, portal: Changed) -> show.Json:
    """Take the code, or look for the record if none is given; the relay must be the domain's."""
    body = await read_if_any(request, CodeBody)
    if body.code:
        left = await office.ownership.confirm_code(portal, body.code.strip(), office.clock())
        demand_right(left, "mail to the postmaster")
    else:
        await office.ownership.confirm_record(portal, office.clock())
    return await overview(office, portal)
