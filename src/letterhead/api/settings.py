"""Email Settings: look, save, test, confirm, switch on and back."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from letterhead.actions import settings
from letterhead.actions.office import Office
from letterhead.api import show
from letterhead.api.access import By, OfficeOf, named_portal
from letterhead.api.body import Body, Text, demand_type, octets, parse, read_strictly
from letterhead.api.codes import CodeBody, demand_right
from letterhead.api.openapi import takes
from letterhead.errors import Invalid, Problem
from letterhead.mail.letter import Lane
from letterhead.mail.portal import Portal, Scope
from letterhead.mail.secret import Secret
from letterhead.mail.settings import (
    Account,
    DefaultSettings,
    KeepPassword,
    PasswordEdit,
    RemovePassword,
    SesSettings,
    SmtpSettings,
    Type,
    Verifies,
)

router = APIRouter(prefix="/portals/{slug}/email-settings", tags=["email settings"])

Seen = Annotated[Portal, Depends(named_portal(Scope.READ))]
Changed = Annotated[Portal, Depends(named_portal(Scope.SETTINGS))]


class TypeBody(Body, extra="ignore"):
    """Which type the settings are of; it decides what the other fields are."""

    type: str = ""


class DefaultBody(Body):
    """Settings of type default."""

    type: str = ""
    from_name: Text = ""
    reply_to: Text = ""
    copy_to: Text = ""


class SmtpBody(Body):
    """
    Settings of type smtp.

    An absent password keeps the stored one, null removes it. `window` is how many messages (1 to
    8) may be under way at once over each connection, where the server offers PIPELINING and
    CHUNKING; a break of the connection leaves so many uncertain.
    """

    type: str = ""
    provider: str = "other"
    server: str = ""
    port: int = 587
    login: Text = ""
    password: str | None = None
    from_name: Text = ""
    from_address: str = ""
    copy_to: Text = ""
    allow_ssl: bool = True
    window: int = 1


class SesBody(Body):
    """
    Settings of type ses.

    `identity` is domain or address; `account` is operator, role (`role_arn`) or keys. An absent
    `secret_access_key` keeps the stored one, null removes it.
    """

    type: str = ""
    region: str = ""
    from_name: Text = ""
    from_address: str = ""
    copy_to: Text = ""
    identity: str = Verifies.DOMAIN.value
    mail_from: Text = ""
    account: str = Account.OPERATOR.value
    role_arn: Text = ""
    access_key_id: Text = ""
    secret_access_key: str | None = None


class TestBody(Body):
    """Where a test mail goes."""

    to: str = ""


class BackBody(Body):
    """What to go back to: a version that was live before, or type default."""

    version: int | None = None
    type: str | None = None


@router.get("")
async def look(office: OfficeOf, portal: Seen) -> show.Json:
    """How the settings stand: live, next, the checklist and the connection."""
    return await overview(office, portal)


@router.put("", openapi_extra=takes(SmtpBody, SesBody, DefaultBody))
async def save(request: Request, office: OfficeOf, portal: Changed, by: By) -> show.Json:
    """Save the next version; what sends now goes on sending."""
    demand_type(request, "application/json")
    raw = await octets(request)
    named, problems = parse(raw, TypeBody)
    match named.type:
        case Type.SMTP.value:
            await _save_smtp(office, portal, raw, by)
        case Type.SES.value:
            await _save_ses(office, portal, raw, by)
        case Type.DEFAULT.value:
            await _save_default(office, portal, raw, by)
        case _:
            raise Invalid(problems or [Problem("type", "unknown", "Choose default, ses or smtp.")])
    return await overview(office, portal)


@router.post("/test", openapi_extra=takes(TestBody))
async def test(request: Request, office: OfficeOf, portal: Changed) -> show.Json:
    """Send a test mail by the way of real mail; a refusal by the server is an answer, too."""
    body = await read_strictly(request, TestBody)
    found = await office.trial.run(portal, body.to, office.clock())
    relay = None if found.accepted else await office.domains.relay_of(portal)
    return show.trial(found, show.filled(relay)["relay"])


@router.post("/confirm", openapi_extra=takes(CodeBody))
async def confirm(request: Request, office: OfficeOf, portal: Changed, by: By) -> show.Json:
    """Enter the code of the test mail: it proves that the mail arrived."""
    body = await read_strictly(request, CodeBody)
    async with office.store.portal(portal, by=by) as desk:
        left = await settings.confirm(desk, body.code.strip(), office.store.vault, office.clock())
    demand_right(left, "test mail")
    return await overview(office, portal)


@router.post("/switch-on")
async def switch_on(office: OfficeOf, portal: Changed, by: By) -> show.Json:
    """Let the next version send from now on, if the gate is open."""
    async with office.store.portal(portal, by=by) as desk:
        await settings.switch_on(desk, office.clock())
    return await went_live(office, portal)


@router.post("/switch-back", openapi_extra=takes(BackBody))
async def switch_back(request: Request, office: OfficeOf, portal: Changed, by: By) -> show.Json:
    """Let a version send again that was live before, or the platform's route."""
    body = await read_strictly(request, BackBody)
    if (body.version is None) is (body.type is None) or body.type not in {None, "default"}:
        raise Invalid([Problem("version", "required", 'Send a version, or {"type": "default"}.')])
    async with office.store.portal(portal, by=by) as desk:
        await settings.switch_back(desk, body.version, office.clock())
    return await went_live(office, portal)


async def overview(office: Office, portal: Portal) -> show.Json:
    """Everything that Email Settings show, as it stands now."""
    async with office.store.look(portal) as desk:
        found = show.settings(await settings.look(desk))
    return {**found, "texts": asdict(office.texts)}


async def went_live(office: Office, portal: Portal) -> show.Json:
    """Wake the portal's mail, and show how its settings stand."""
    office.wake((portal.id, Lane.LIVE))
    return await overview(office, portal)


async def _save_default(office: Office, portal: Portal, raw: bytes, by: str) -> None:
    body, problems = parse(raw, DefaultBody)
    draft = DefaultSettings(from_name=body.from_name, reply_to=body.reply_to, copy_to=body.copy_to)
    async with office.store.portal(portal, by=by) as desk:
        await settings.save_default(desk, draft, office.clock(), unread=problems)


async def _save_smtp(office: Office, portal: Portal, raw: bytes, by: str) -> None:
    body, problems = parse(raw, SmtpBody)
    draft = SmtpSettings(
        provider=body.provider,
        server=body.server,
        port=body.port,
        login=body.login,
        from_name=body.from_name,
        from_address=body.from_address,
        copy_to=body.copy_to,
        allow_ssl=body.allow_ssl,
        window=body.window,
    )
    edit = settings.SmtpEdit(draft, _edit(body, "password"), problems)
    async with office.store.portal(portal, by=by) as desk:
        await settings.save_smtp(desk, edit, office.clock(), ports=office.ports)


async def _save_ses(office: Office, portal: Portal, raw: bytes, by: str) -> None:
    body, problems = parse(raw, SesBody)
    draft = SesSettings(**body.model_dump(exclude={"type", "secret_access_key"}))
    edit = settings.SesEdit(draft, _edit(body, "secret_access_key"), problems)
    regions = office.regions()
    async with office.store.portal(portal, by=by) as desk:
        await settings.save_ses(desk, edit, office.clock(), regions=regions)


def _edit(body: Body, field: str) -> PasswordEdit:
    """What a body says of a secret: nothing (keep it), null (remove it), or the secret."""
    if field not in body.model_fields_set:
        return KeepPassword()
    typed: str | None = getattr(body, field)
    return RemovePassword() if typed is None else Secret(typed)
