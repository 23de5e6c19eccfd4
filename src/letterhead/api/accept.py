"""`POST /v1/messages` and `/v1/messages/batch`: what is answered with 202 is on disk."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

import pydantic_core
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from letterhead.actions.breath import in_turns
from letterhead.actions.messages import KEY_REUSED, demand_class, receipt
from letterhead.actions.messages import Request as Asked
from letterhead.api import show
from letterhead.api.access import OfficeOf, acting, allow
from letterhead.api.body import demand_type, merged, octets, parse
from letterhead.api.errors import problem
from letterhead.api.mail import BATCH, BatchBody, MessageBody, Reading
from letterhead.api.openapi import takes
from letterhead.errors import Invalid, LetterheadError, Problem
from letterhead.mail import message as rules
from letterhead.mail import raw as raw_messages
from letterhead.mail.letter import KeyReused, Receipt
from letterhead.mail.message import Message
from letterhead.mail.portal import Principal, Scope

router = APIRouter(tags=["messages"])

JSON, RFC822 = "application/json", "message/rfc822"

MaySend = Annotated[Principal, Depends(allow(Scope.SEND))]


@dataclass(frozen=True, slots=True)
class Key:
    """The idempotency key of a request, and the digest by which its body is recognised."""

    value: str | None
    digest: str | None

    def of(self, at: int) -> tuple[str | None, str | None]:
        """The key of one message of a batch."""
        return (f"{self.value}/{at}" if self.value else None), self.digest


@router.post("/messages", status_code=202, openapi_extra=takes(MessageBody))
async def accept(request: Request, office: OfficeOf, asking: MaySend) -> Response:
    """Accept a message, as JSON or as `message/rfc822`; 202 means that it is on disk."""
    kind = demand_type(request, JSON, RFC822)
    portal = await acting(request, asking)
    body, now = await octets(request), office.clock()
    key = _key(request, body)
    if kind == RFC822:
        asked = Asked(raw_messages.read(body, date=now), key.value, key.digest)
    else:
        asked = Asked(_message(body, asking, now), key.value, key.digest)
    return _answer(receipt((await office.intake.accept(portal, [asked], now))[0]))


@router.post("/messages/batch", status_code=202, openapi_extra=takes(BatchBody))
async def accept_batch(request: Request, office: OfficeOf, asking: MaySend) -> Response:
    """Accept up to 1,000 messages with one commit; each is answered by its id or its problem."""
    demand_type(request, JSON)
    portal = await acting(request, asking)
    now = office.clock()
    key, items = await _read_batch(request, asking, now)
    kept = iter(await office.intake.accept(portal, _handed_out(items, key), now))
    answers = [item if isinstance(item, LetterheadError) else next(kept) for item in items]
    content = pydantic_core.to_json({"items": [_item(each) for each in answers]})
    return Response(content, status_code=202, media_type=JSON)


async def _read_batch(
    request: Request, asking: Principal, now: datetime
) -> tuple[Key, list[Message | LetterheadError | None]]:
    body = await octets(request)
    return _key(request, body), await _batch(body, asking, now)


def _handed_out(items: list[Message | LetterheadError | None], key: Key) -> Iterator[Asked]:
    """The good ones; each leaves None: what is waited for is the bytes that come of it."""
    for at, item in enumerate(items):
        if isinstance(item, Message):
            items[at] = None
            yield Asked(item, *key.of(at))


def _message(body: bytes, asking: Principal, now: datetime) -> Message:
    parsed, problems = parse(body, MessageBody)
    return _checked(parsed, problems, asking, now)


def _checked(
    body: MessageBody, unread: Sequence[Problem], asking: Principal, now: datetime
) -> Message:
    reading = Reading()
    message = reading.message(body)
    problems = merged([*unread], reading.problems)
    if problems := merged(problems, rules.problems(message, now)):
        raise Invalid(problems)
    demand_class(message.message_class, by_platform=asking.is_platform)
    return message


async def _batch(
    body: bytes, asking: Principal, now: datetime
) -> list[Message | LetterheadError | None]:
    """Every message of a batch, or what is wrong with it."""
    parsed, problems = parse(body, BatchBody)
    whole = [each for each in problems if not each.field.startswith("messages.")]
    unread = _by_item(each for each in problems if each.field.startswith("messages."))
    if unread and not whole:
        parsed = _rest(body, unread)
    count = len(parsed.messages) + len(unread)
    if not whole and not 0 < count <= BATCH:
        whole = [Problem("messages", "count", f"Send 1 to {BATCH} messages.")]
    if whole:
        raise Invalid(whole)
    rest = iter(parsed.messages)
    return [
        _try(next(rest), asking, now) if at not in unread else Invalid(unread[at])
        async for at in in_turns(range(count))
    ]


def _by_item(problems: Iterable[Problem]) -> dict[int, list[Problem]]:
    """Problems of a batch by the place of their message, with fields as a single one has them."""
    found: dict[int, list[Problem]] = {}
    for each in problems:
        at, _, field = each.field.removeprefix("messages.").partition(".")
        found.setdefault(int(at), []).append(replace(each, field=field or "body"))
    return found


def _rest(body: bytes, unread: Mapping[int, object]) -> BatchBody:
    """The messages of a batch that could be read."""
    every = pydantic_core.from_json(body)["messages"]
    rest = [each for at, each in enumerate(every) if at not in unread]
    return BatchBody.model_validate_json(json.dumps({"messages": rest}))


def _try(body: MessageBody, asking: Principal, now: datetime) -> Message | LetterheadError:
    try:
        return _checked(body, [], asking, now)
    except LetterheadError as error:
        return error


def _key(request: Request, body: bytes) -> Key:
    value = request.headers.get("idempotency-key")
    if value is None:
        return Key(None, None)
    if message := rules.key_problem(value):
        raise Invalid([Problem("Idempotency-Key", "invalid", message)])
    kind = request.headers.get("content-type", "")
    path = request.url.path
    return Key(value, hashlib.sha256(f"{path}\n{kind}\n".encode() + body).hexdigest())


def _answer(kept: Receipt) -> Response:
    headers = {"Idempotent-Replayed": "true"} if kept.replayed else None
    return JSONResponse(show.receipt(kept), status_code=202, headers=headers)


def _item(answer: Receipt | KeyReused | LetterheadError) -> dict[str, Any]:
    match answer:
        case Receipt():
            return show.receipt(answer)
        case KeyReused():
            return {"problem": problem(KEY_REUSED)}
        case _:
            return {"problem": problem(answer)}
