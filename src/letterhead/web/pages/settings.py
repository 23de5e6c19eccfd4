"""Portal Settings > Email Settings: the page, and what its buttons do."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from letterhead.actions import people, settings
from letterhead.actions.domains import filled_by, filled_for
from letterhead.errors import Invalid, LetterheadError, NotFound, Problem
from letterhead.mail.gate import Check, State, Step
from letterhead.mail.letter import Lane
from letterhead.mail.proof import CODE_DIGITS
from letterhead.mail.providers import PROVIDERS, RELAY, Filled
from letterhead.mail.rights import Right
from letterhead.mail.said import said, spoken
from letterhead.mail.settings import OwnSettings, tls_ports
from letterhead.web import forms, overview
from letterhead.web.access import SEE_OTHER, Asked, guarded, number
from letterhead.web.forms import Form
from letterhead.web.pages.help import help_of
from letterhead.web.render import Errors

Action = Callable[[Asked], Awaitable[None]]

_UNSAVED = said(
    "Save first: this uses the saved settings, and something in the form is not saved yet."
)


async def look(asked: Asked) -> Response:
    """The page, as it stands."""
    return await _page(asked)


async def save(asked: Asked) -> Response:
    """Keep the next version; what was typed stays in the form where something is wrong."""
    form = forms.posted(asked.form)
    office = asked.office
    regions = office.regions()
    try:
        async with office.store.portal(asked.portal, by=asked.visitor.email) as desk:
            if form.is_smtp:
                await settings.save_smtp(desk, form.smtp(), asked.now, ports=office.ports)
            elif form.is_ses:
                await settings.save_ses(desk, form.ses(), asked.now, regions=regions)
            else:
                await settings.save_default(desk, form.default(), asked.now)
    except Invalid as error:
        return await _page(asked, form, errors=_by_field(error), status=422)
    return _back(asked, "settings")


async def prefill(asked: Asked) -> Response:
    """Fill in what the chosen provider, or the From address, tells."""
    form = forms.posted(asked.form)
    errors: dict[str, str] = {}
    try:
        found = await _found(asked, form)
    except Invalid as error:
        return await _page(asked, form, errors=_by_field(error), status=422)
    if found is None:
        errors["from_address"] = said(
            "No known provider takes this domain's mail: choose one above."
        )
        return await _page(asked, form, errors=errors, status=422)
    filled = form.filled(found, anyway=bool(asked.request.query_params.get("anyway")))
    return await _page(asked, filled, filled=found)


async def test(asked: Asked) -> None:
    await asked.office.trial.run(asked.portal, asked.form.get("to", "").strip(), asked.now)


async def check_dns(asked: Asked) -> None:
    await asked.office.domains.run(asked.portal, asked.now)


async def verify_again(asked: Asked) -> None:
    await asked.office.identities.verify_again(asked.portal, asked.now)


async def remove_identity(asked: Asked) -> None:
    await asked.office.identities.remove(asked.portal)


async def confirm(asked: Asked) -> None:
    code, office = asked.form.get("code", "").strip(), asked.office
    async with office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        left = await settings.confirm(desk, code, office.store.vault, asked.now)
    _demand_right("code", left)


async def find_record(asked: Asked) -> None:
    await asked.office.ownership.confirm_record(asked.portal, asked.now)


async def send_code(asked: Asked) -> None:
    await asked.office.ownership.send_code(asked.portal, "", asked.now)


async def enter_code(asked: Asked) -> None:
    code = asked.form.get("domain_code", "").strip()
    left = await asked.office.ownership.confirm_code(asked.portal, code, asked.now)
    _demand_right("domain_code", left)


async def switch_on(asked: Asked) -> None:
    async with asked.office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        await settings.switch_on(desk, asked.now)
    _wake(asked)


async def switch_back(asked: Asked) -> None:
    async with asked.office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        await settings.switch_back(desk, number(asked.form.get("version", "")), asked.now)
    _wake(asked)


async def resume(asked: Asked) -> None:
    async with asked.office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        await settings.resume(desk, asked.now)
    _wake(asked)


async def fall_back(asked: Asked) -> None:
    async with asked.office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        await settings.fall_back(desk, asked.now, enabled=bool(asked.form.get("fallback")))
    _wake(asked)


# What a button does, who may press it, and the part of the page that shows what came of it.
ACTIONS: Mapping[str, tuple[Action, Right, str]] = {
    "test": (test, Right.EDIT_SETTINGS, "test"),
    "check-dns": (check_dns, Right.EDIT_SETTINGS, "dns"),
    "verify-again": (verify_again, Right.EDIT_SETTINGS, "dns"),
    "remove-identity": (remove_identity, Right.EDIT_SETTINGS, "dns"),
    "confirm": (confirm, Right.EDIT_SETTINGS, "test"),
    "find-record": (find_record, Right.EDIT_SETTINGS, "domain"),
    "send-code": (send_code, Right.EDIT_SETTINGS, "domain"),
    "enter-code": (enter_code, Right.EDIT_SETTINGS, "domain"),
    "switch-on": (switch_on, Right.SWITCH, "switch"),
    "switch-back": (switch_back, Right.SWITCH, "switch"),
    "resume": (resume, Right.EDIT_SETTINGS, "held"),
    "fallback": (fall_back, Right.SWITCH, "held"),
}


async def act(asked: Asked) -> Response:
    """Do what a button asks for; nothing that was typed and is not saved gets lost."""
    name = asked.request.path_params["action"]
    if name not in ACTIONS:
        raise NotFound(said("There is no such button."))
    action, right, part = ACTIONS[name]
    if not asked.may(right):
        return await _page(asked, note=(part, said("Your role does not allow this.")), status=403)
    form = forms.posted(asked.form)
    if not form.same_as(await _saved(asked)):
        return await _page(asked, form, note=(part, _UNSAVED), status=409)
    try:
        await action(asked)
    except Invalid as error:
        return await _page(asked, form, errors=_by_field(error), status=422)
    except LetterheadError as error:
        return await _page(asked, note=(part, spoken(error)), status=409)
    return _back(asked, part)


async def make_pass(asked: Asked) -> Response:
    """Make a link for a consultant; it is shown on this one answer."""
    office = asked.office
    made = await people.make_pass(
        office.store, office.public_url, asked.portal, made_by=asked.visitor.email, now=asked.now
    )
    return await _page(asked, forms.posted(asked.form), new_pass=made)


async def revoke_pass(asked: Asked) -> Response:
    """End a consultant's pass, and whoever came by it."""
    async with asked.office.store.people() as rows:
        if not await rows.revoke(asked.portal.id, asked.form.get("pass", "")):
            raise NotFound(said("There is no such pass any more."))
    return await _page(asked, forms.posted(asked.form))


async def dns_records(asked: Asked) -> Response:
    """What whoever looks after the DNS needs to know, to be sent to them."""
    async with asked.office.store.look(asked.portal) as desk:
        found = await settings.look(desk)
    edited = (found.next or found.live).settings
    if not isinstance(edited, OwnSettings):
        raise NotFound(said("There is no such page."))
    shown = overview.shown(asked, found, await _record(asked, found.checklist))
    name = f"dns-{edited.from_domain}.txt"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return PlainTextResponse(shown["for_dns"], headers=headers)


_PATH = "/portals/{slug}/email-settings"
ROUTES = [
    Route(_PATH, guarded(Right.SEE_SETTINGS, look), methods=["GET"]),
    Route(_PATH, guarded(Right.EDIT_SETTINGS, save), methods=["POST"]),
    Route(f"{_PATH}/dns-records", guarded(Right.SEE_SETTINGS, dns_records), methods=["GET"]),
    Route(f"{_PATH}/prefill", guarded(Right.EDIT_SETTINGS, prefill), methods=["POST"]),
    Route(f"{_PATH}/make-pass", guarded(Right.SWITCH, make_pass), methods=["POST"]),
    Route(f"{_PATH}/revoke-pass", guarded(Right.SWITCH, revoke_pass), methods=["POST"]),
    Route(f"{_PATH}/{{action}}", guarded(Right.EDIT_SETTINGS, act), methods=["POST"]),
]


async def _page(
    asked: Asked,
    form: Form | None = None,
    *,
    errors: Mapping[str, str] | None = None,
    note: tuple[str, str] = ("", ""),
    **more: Any,  # noqa: ANN401 - `filled` by a provider, a `new_pass`, the `status`
) -> Response:
    async with asked.office.store.look(asked.portal) as desk:
        found = await settings.look(desk)
    edited = found.next or found.live
    saved = forms.of(edited.settings)
    is_saved = form is None or form.same_as(saved)
    marked = overview.at_fault(found) if is_saved else {}
    values = {
        "form": form or saved,
        "typed": (form or saved).typed,
        "tls_ports": sorted(tls_ports((form or saved).values["provider"])),
        "saved": is_saved,
        "errors": Errors({**marked, **(errors or {})}),
        "note": {note[0]: note[1]},
        "filled": more.get("filled"),
        "typed_to": asked.form.get("to", ""),
        "code": asked.request.query_params.get("code", "")[:CODE_DIGITS],
        "passes": await _passes(asked),
        "new_pass": more.get("new_pass"),
        "regions": asked.office.regions(),
        "help_page": help_of((form or saved).provider),
        **overview.shown(asked, found, await _record(asked, found.checklist)),
    }
    return asked.page("email-settings.html", values, more.get("status", 200))


async def _record(asked: Asked, checklist: Sequence[Check]) -> Mapping[str, Any] | None:
    """The TXT record that proves the domain, where that is asked for."""
    needed = any(
        each.step is Step.DOMAIN_PROVEN and each.state in {State.OPEN, State.BLOCKED}
        for each in checklist
    )
    return await asked.office.ownership.record(asked.portal) if needed else None


async def _passes(asked: Asked) -> Sequence[Any]:
    if not asked.may(Right.SWITCH):
        return ()
    async with asked.office.store.look_at_people() as rows:
        return await rows.passes(asked.portal.id, asked.now)


async def _saved(asked: Asked) -> Form:
    async with asked.office.store.look(asked.portal) as desk:
        found = await settings.look(desk)
    return forms.of((found.next or found.live).settings)


async def _found(asked: Asked, form: Form) -> Filled | None:
    """Which provider is meant: the chosen one, or that of the From address."""
    dns, email = asked.office.domains.dns, form.values["from_address"].strip()
    if asked.request.query_params.get("by") == "from_address":
        return await filled_for(dns, email)
    by_relay = asked.request.query_params.get("by") == "relay"
    provider = PROVIDERS.get(RELAY if by_relay else form.values["provider"])
    if provider is None:
        raise Invalid([Problem("provider", "unknown", said("Choose a provider from the list."))])
    return await filled_by(dns, provider, email)


def _by_field(error: Invalid) -> dict[str, str]:
    return {each.field: each.message for each in error.problems}


def _demand_right(field: str, left: int | None) -> None:
    if left is None:
        return
    message = said("This is not the code. Tries left: {left}.", left=left)
    if not left:
        message = said("Too many wrong codes: send a new one.")
    raise Invalid([Problem(field, "wrong", message)])


def _wake(asked: Asked) -> None:
    asked.office.wake((asked.portal.id, Lane.LIVE))


def _back(asked: Asked, part: str) -> Response:
    return RedirectResponse(f"/portals/{asked.portal.slug}/email-settings#{part}", SEE_OTHER)
