"""Save, confirm, switch on and back: what a person does with Email Settings."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from letterhead.actions import codes
from letterhead.errors import Conflict, Invalid, NotFound, Problem, Refused
from letterhead.mail import gate, identity, spf
from letterhead.mail.change import Change, Differences, differences, displaced
from letterhead.mail.gate import Check, Progress, Step
from letterhead.mail.letter import Trouble
from letterhead.mail.proof import WRONG_CODES, Proof
from letterhead.mail.said import said
from letterhead.mail.secret import Secret
from letterhead.mail.ses import checked_ses
from letterhead.mail.settings import (
    DefaultSettings,
    KeepPassword,
    PasswordEdit,
    Ports,
    SesSettings,
    Settings,
    SmtpSettings,
    Verifies,
    advice,
    apply_password_rule,
    checked_default,
    checked_smtp,
)
from letterhead.store.identities import Look
from letterhead.store.settings import Version
from letterhead.store.store import Desk
from letterhead.store.vault import Vault

_EARLIER = 3  # versions that the page offers to go back to


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything that a page of Email Settings shows."""

    live: Version
    next: Version | None
    earlier: Sequence[Version]  # that were live, the last one first
    proof: Proof | None
    live_proof: Proof | None
    identity: Look | None  # at Amazon SES
    checklist: Sequence[Check]
    trouble: Trouble | None
    reply: Mapping[str, Any] | None  # of the server, to what failed
    held: int
    falls_back: bool  # to the platform's route, while the connection is paused
    advice: Sequence[str]


async def look(desk: Desk) -> Overview:
    """Tell how a portal's Email Settings stand."""
    live, upcoming = await desk.settings.live(), await desk.settings.next()
    proof = await desk.proofs.of((upcoming or live).number)
    trouble, reply = await desk.connection.trouble() or (None, None)
    return Overview(
        live=live,
        next=upcoming,
        earlier=await desk.settings.earlier(_EARLIER),
        proof=proof,
        live_proof=await desk.proofs.of(live.number) if upcoming else proof,
        identity=await desk.identities.of((upcoming or live).number),
        checklist=gate.checklist((await progress(desk))[1]),
        trouble=trouble,
        reply=reply,
        held=await desk.held.count(paused=await desk.connection.paused_since() is not None),
        falls_back=await desk.connection.falls_back(),
        advice=advice((upcoming or live).settings),
    )


@dataclass(frozen=True, slots=True)
class SmtpEdit:
    """What was typed into the SMTP form, and what a door could not even read of it."""

    draft: SmtpSettings
    password: PasswordEdit
    unread: Sequence[Problem] = ()


async def save_default(
    desk: Desk, draft: DefaultSettings, now: datetime, *, unread: Sequence[Problem] = ()
) -> Version:
    """Keep settings of type default as the next version."""
    draft, problems = checked_default(draft)
    _demand_none([*unread, *problems])
    return await _save(desk, draft, KeepPassword(), now)


async def save_smtp(desk: Desk, edit: SmtpEdit, now: datetime, *, ports: Ports) -> Version:
    """Keep settings of type SMTP as the next version; what sends now goes on sending."""
    edited = await desk.settings.next() or await desk.settings.live()
    password = apply_password_rule(edit.password, edit.draft.provider)
    draft, problems = checked_smtp(edit.draft, password, edited.settings, ports=ports)
    _demand_none([*edit.unread, *problems])
    return await _save(desk, draft, password, now)


@dataclass(frozen=True, slots=True)
class SesEdit:
    """What was typed into the form of type AWS, and what a door could not even read of it."""

    draft: SesSettings
    secret: PasswordEdit
    unread: Sequence[Problem] = ()


async def save_ses(desk: Desk, edit: SesEdit, now: datetime, *, regions: Container[str]) -> Version:
    """Keep settings of type AWS as the next version; SES is asked about the identity soon."""
    edited = await desk.settings.next() or await desk.settings.live()
    typed = replace(edit.draft, external_id=desk.portal.external_id)
    draft, problems = checked_ses(typed, edit.secret, edited.settings, regions=regions)
    _demand_none([*edit.unread, *problems])
    return await _save(desk, draft, edit.secret, now)


async def confirm(desk: Desk, code: str, vault: Vault, now: datetime) -> int | None:
    """
    Take the code of the test mail as the proof that it arrived.

    Gives None if it is right, else how many more tries there are; the last wrong one voids the
    test.
    """
    version = await desk.settings.next() or await desk.settings.live()
    proof = await desk.proofs.of(version.number)
    if proof is None or not proof.stands:
        raise Refused(Step.TEST_ACCEPTED.value, said("Send a test mail first."))
    if codes.fits(proof.code_digest, vault, proof.message_id, code):
        await desk.proofs.confirm(version.number, now, desk.changes.by)
        await desk.changes.note(Change.CONFIRMED, now, {"version": [None, version.number]})
        return None
    await desk.proofs.count_wrong_code(version.number)
    return WRONG_CODES - proof.wrong_codes - 1


async def switch_on(desk: Desk, now: datetime) -> Version:
    """Let the next version send from now on, if the gate is open."""
    version = await desk.settings.next()
    if version is None:
        raise Refused(Step.SAVED.value, said("Save the settings first."))
    gate.demand((await progress(desk))[1], before=Step.SWITCHED_ON)
    await _go_live(desk, version, Change.SWITCHED_ON, now)
    await desk.settings.forget_next()
    return version


async def switch_back(desk: Desk, number: int | None, now: datetime) -> Version:
    """Let a version send again that was live before; None is the last one of type default."""
    if number is None:
        version = await desk.settings.last_default()
    else:
        found = await desk.settings.once_live(number)
        if found is None:
            raise NotFound(said("No version with this number was ever live."))
        version = found
    await _go_live(desk, version, Change.SWITCHED_BACK, now)
    return version


async def resume(desk: Desk, now: datetime) -> None:
    """Let a connection that waits be tried at once."""
    if not await desk.connection.try_again(now):
        raise Conflict(said("The platform's own route is tried again by itself."))
    await desk.changes.note(Change.RESUMED, now)


async def fall_back(desk: Desk, now: datetime, *, enabled: bool) -> None:
    """Let mail take the platform's route while the connection is paused, or hold it."""
    before = await desk.connection.falls_back()
    await desk.connection.fall_back(enabled=enabled)
    await desk.changes.note(Change.FALLBACK, now, {"fallback": [before, enabled]})


async def progress(desk: Desk) -> tuple[Version, Progress]:
    """The version that is looked at (the next one, else the live), and how far it has come."""
    upcoming = await desk.settings.next()
    version = upcoming or await desk.settings.live()
    proof = await desk.proofs.of(version.number)
    saved = version if version.number else None  # nobody has saved version 0
    owns_domain = await _owns_domain(desk, version)
    return version, Progress(
        settings=saved.settings if saved else None,
        live=upcoming is None and saved is not None,
        **await _dns(desk, version),
        owns_domain=owns_domain,
        domain_proven=owns_domain and _uses_own_relay(version),
        test_accepted=proof is not None and proof.stands,
        test_confirmed=proof is not None and proof.stands and proof.confirmed_at is not None,
    )


async def _dns(desk: Desk, version: Version) -> Mapping[str, Any]:
    """How the DNS of the From domain stands: as SES says, or as its SPF record does."""
    settings = version.settings
    if isinstance(settings, SesSettings):
        look = await desk.identities.of(version.number)
        found = look.found if look else None
        return {"dns": identity.state(found), "dns_detail": identity.detail(found, settings)}
    if not version.dns:
        return {"dns": None}
    found = version.dns["spf"]
    state = spf.State(found["state"])
    return {"dns": state, "dns_detail": "" if state is spf.State.PASS else _to_publish(found)}


def _to_publish(found: Mapping[str, Any]) -> str:
    """What a check of the SPF record has found, and what to publish, in words."""
    detail: str = found["detail"]
    record = found["record"]
    if not record:
        return detail
    if not found["found"]:
        return said(
            "{detail} Publish this TXT record of {name}: {value}",
            detail=detail,
            name=record["name"],
            value=record["value"],
        )
    return said(
        "{detail} Found: {found}. Change the TXT record of {name} to: {value}",
        detail=detail,
        found=found["found"],
        name=record["name"],
        value=record["value"],
    )


async def _owns_domain(desk: Desk, version: Version) -> bool:
    """Whether the From domain is proven to be the portal's, where it must be."""
    settings = version.settings
    if isinstance(settings, SesSettings):
        return await _is_proven_for_ses(desk, settings)
    if not isinstance(settings, SmtpSettings) or not settings.needs_proof:
        return False
    return await desk.domains.is_proven(settings.from_domain)


def _uses_own_relay(version: Version) -> bool:
    """Whether a relay is the From domain's; other settings have none."""
    settings = version.settings
    mx = version.dns["mx"]["found"] if version.dns else ()
    return not isinstance(settings, SmtpSettings) or settings.is_own_relay(mx)


async def _is_proven_for_ses(desk: Desk, settings: SesSettings) -> bool:
    """Whether the domain is the portal's; who sends as one address may prove that alone."""
    if await desk.domains.is_proven(settings.from_domain):
        return True
    alone = settings.identity == Verifies.ADDRESS
    return alone and await desk.domains.is_proven(settings.from_address)


def _demand_none(problems: Sequence[Problem]) -> None:
    """Refuse with the first problem of each field: what could not be read breaks no rule."""
    if problems:
        raise Invalid(list({each.field: each for each in reversed(problems)}.values())[::-1])


async def _save(desk: Desk, draft: Settings, password: PasswordEdit, now: datetime) -> Version:
    edited = await desk.settings.next() or await desk.settings.live()
    found = differences(edited.settings, draft, new_password=isinstance(password, Secret))
    saved = await desk.settings.save(draft, password, now)
    versions: Differences = {"version": [edited.number, saved.number]}
    await desk.changes.note(Change.SAVED, now, {**versions, **found})
    return saved


async def _go_live(desk: Desk, version: Version, how: Change, now: datetime) -> None:
    live = await desk.settings.live()
    found = differences(live.settings, version.settings, new_password=False)
    versions: Differences = {"version": [live.number, version.number]}
    lost = displaced(live.settings, version.settings)
    await desk.changes.note(how, now, {**versions, **found}, also=lost)
    await desk.settings.go_live(version, now)
    await desk.connection.forget(now)
