"""The client and the OpenAPI document of the service say the same."""

import json
import re
from typing import Any

import pytest

from letterhead_client import AsyncClient, Attachment, Client, Message, calls
from letterhead_client.calls import Call, Search
from tests.running import Platform

FULL = Message(to="a@client.test", reply_to="b@client.test", attachments=[Attachment("f", b"x")])
CALLS: dict[str, Call[Any]] = {
    "send": calls.send(FULL, None),
    "send_raw": calls.send_raw(b"", None),
    "send_batch": calls.send_batch([FULL], None),
    "message": calls.message("1"),
    "messages": calls.messages(Search(status="sent", q="x"), "c"),
    "events": calls.events("1"),
    "body": calls.body("1"),
    "cancel": calls.cancel("1"),
    "send_again": calls.send_again("1"),
    "resolve": calls.resolve("1", "r", "sent"),
    "suppressions": calls.suppressions("q", "c"),
    "suppress": calls.suppress("a@client.test"),
    "unsuppress": calls.unsuppress("a@client.test"),
}


@pytest.fixture(scope="module")
def document(desk: Platform) -> Any:
    return desk.http.get("/openapi.json").json()


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_a_route_with_its_parameters(document: Any, name: str) -> None:
    call = CALLS[name]
    path = re.sub(r"/1(?=/|$)", "/{message_id}", f"/v1{call.path}")

    route = document["paths"][path][call.method.lower()]

    known = {each["name"] for each in route.get("parameters", ()) if each["in"] == "query"}
    assert set(call.params) <= known
    if call.json is not None:
        assert set(call.json) <= set(_body(route)["properties"])


def test_a_message_has_the_fields_of_the_document(document: Any) -> None:
    schemas = document["components"]["schemas"]
    message = _body(document["paths"]["/v1/messages"]["post"])

    assert set(FULL.json) == set(message["properties"])
    assert set(FULL.json["to"][0]) == set(schemas["MailboxBody"]["properties"])
    assert set(FULL.json["attachments"][0]) == set(schemas["AttachmentBody"]["properties"])


def test_every_reference_of_the_document_leads_somewhere(document: Any) -> None:
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))

    assert named
    assert named <= set(document["components"]["schemas"])


def test_both_clients_have_every_call() -> None:
    methods = {name for name in vars(Client) if not name.startswith("_")} - {"close"}

    assert methods == {name for name in vars(AsyncClient) if not name.startswith("_")} - {"close"}
    assert methods == set(CALLS)


def _body(route: Any) -> Any:
    return route["requestBody"]["content"]["application/json"]["schema"]
