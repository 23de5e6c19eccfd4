"""The log of messages: find, look, send again, cancel, resolve."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from letterhead.actions import messages
from letterhead.errors import Conflict, LetterheadError, NotFound
from letterhead.mail import faults, reading
from letterhead.mail.letter import Lane
from letterhead.mail.message import MessageClass
from letterhead.mail.outcome import Status
from letterhead.mail.rights import Right
from letterhead.mail.said import said, spoken
from letterhead.store.messages import Found, Search
from letterhead.web import table
from letterhead.web.access import SEE_OTHER, Asked, guarded, hex_id
from letterhead.web.chart import chart

_PAGE = 50
_DAYS = 30  # of the chart
# What a stranger's HTML may: be looked at. No script, no form, nothing from anywhere.
_CAGE = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self' "
)


async def find(asked: Asked) -> Response:
    """The newest messages first, and how the last days went."""
    search = replace(_search(asked), limit=_PAGE + 1)
    async with asked.office.store.look(asked.portal) as desk:
        held = await desk.connection.paused_since() is not None
        found = await desk.messages.find(search, held=held)
        days = await desk.tally.days(asked.now, many=_DAYS)
    wanted = _wanted(asked)
    values = {**_pages(search, found), "held": held, "wanted": wanted, "chart": chart(days)}
    filters = {name: value for name, value in wanted.items() if value}
    return asked.page(
        "messages.html", {**values, "filters": filters, "Status": Status, "Lane": Lane}
    )


async def export(asked: Asked) -> Response:
    """What the same search finds, as a table for spreadsheets."""
    name = f"{asked.portal.slug}-messages-{asked.now:%Y-%m-%d}.csv"
    return StreamingResponse(
        table.lines(asked.office.store, asked.portal, _search(asked)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def look(asked: Asked) -> Response:
    """One message: who gets it, and what happened."""
    return await _page(asked)


async def body(asked: Asked) -> Response:
    """The text of a message; its HTML stands in a frame that may do nothing and load nothing."""
    async with asked.office.store.look(asked.portal) as desk:
        content = await messages.readable(desk, _named(asked))
    values = {"id": _named(asked), "plain": reading.plain(content), "html": reading.html(content)}
    return asked.page("body.html", values)


async def frame(asked: Asked) -> Response:
    """The HTML of a message, for that frame."""
    async with asked.office.store.look(asked.portal) as desk:
        content = await messages.readable(desk, _named(asked))
    policy = _CAGE + " ".join(asked.office.frame_ancestors)  # the page around may stand in a frame
    return HTMLResponse(reading.html(content), headers={"Content-Security-Policy": policy})


async def act(asked: Asked) -> Response:
    """Send again, cancel or resolve."""
    action = _ACTIONS.get(asked.request.path_params["action"])
    if action is None:
        raise NotFound(said("There is no such button."))
    try:
        shown = await action(asked)
    except LetterheadError as error:
        return await _page(asked, note=spoken(error), status=409)
    asked.office.wake((asked.portal.id, Lane.LIVE))
    return RedirectResponse(f"/portals/{asked.portal.slug}/messages/{shown}", SEE_OTHER)


_PATH = "/portals/{slug}/messages"
ROUTES = [
    Route(f"{_PATH}.csv", guarded(Right.MESSAGES, export), methods=["GET"]),
    Route(_PATH, guarded(Right.MESSAGES, find), methods=["GET"]),
    Route(f"{_PATH}/{{id}}", guarded(Right.MESSAGES, look), methods=["GET"]),
    Route(f"{_PATH}/{{id}}/body", guarded(Right.BODIES, body), methods=["GET"]),
    Route(f"{_PATH}/{{id}}/frame", guarded(Right.BODIES, frame), methods=["GET"]),
    Route(f"{_PATH}/{{id}}/{{action}}", guarded(Right.SEND, act), methods=["POST"]),
]


def _wanted(asked: Asked) -> Mapping[str, str]:
    query = asked.request.query_params
    return {each: query.get(each, "").strip() for each in ("status", "q", "since", "until")}


def _search(asked: Asked) -> Search:
    """What the filters say; one that means nothing is none."""
    wanted, query = _wanted(asked), asked.request.query_params
    return Search(
        status=Status(wanted["status"]) if wanted["status"] in set(Status) else None,
        text=wanted["q"],
        since=asked.speech.midnight(wanted["since"]),
        until=asked.speech.midnight(wanted["until"], after=1),
        before_id=hex_id(query.get("cursor", "")) or None,
        after_id=hex_id(query.get("newer", "")) or None,
    )


def _pages(search: Search, found: Sequence[Found]) -> Mapping[str, object]:
    """One page of what was found (one more than fits was asked for), and what is beside it."""
    more, back = len(found) > _PAGE, search.after_id is not None
    shown = found[-_PAGE:] if back else found[:_PAGE]
    older = shown[-1].message.id if shown and (more or back) else ""
    newer = shown[0].message.id if shown and (more if back else search.before_id) else ""
    return {"messages": shown, "older": older, "newer": newer}


async def _cancel(asked: Asked) -> str:
    async with asked.office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        return _id(await messages.cancel(desk, _named(asked), asked.now))


async def _resolve(asked: Asked) -> str:
    status = {"sent": Status.SENT, "resend": Status.QUEUED}.get(asked.form.get("as", ""))
    if status is None:
        raise Conflict(said("Choose sent or resend."))
    recipient = asked.form.get("recipient", "")
    async with asked.office.store.portal(asked.portal, by=asked.visitor.email) as desk:
        found = await messages.resolve(desk, _named(asked), recipient, status, now=asked.now)
        return _id(found)


async def _send_again(asked: Asked) -> str:
    office, visitor = asked.office, asked.visitor
    wanted = messages.Repetition(_named(asked), visitor.email, visitor.sees_all)
    kept = await messages.send_again(
        office.store, office.intake, asked.portal, wanted, now=asked.now
    )
    return kept.id


_ACTIONS = {"cancel": _cancel, "resolve": _resolve, "send-again": _send_again}


async def _page(asked: Asked, note: str = "", status: int = 200) -> Response:
    async with asked.office.store.look(asked.portal) as desk:
        found = await messages.get(desk, _named(asked))
        events = await desk.messages.events(found.message.id)
        held = await desk.connection.paused_since() is not None
    values = {
        "message": found.message,
        "recipients": found.recipients,
        "events": events,
        "fault_of": faults.by_code,
        "held": held,
        "note": note,
        "is_business": found.message.message_class == MessageClass.BUSINESS.value,
        "Lane": Lane,
    }
    return asked.page("message.html", values, status)


def _named(asked: Asked) -> str:
    name: str = asked.request.path_params["id"]
    return name


def _id(found: Found) -> str:
    name: str = found.message.id
    return name
