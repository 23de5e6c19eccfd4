"""Bad inputs over the API: a clear error that names the field, and nothing is kept."""

import gzip
import json
import socket
from typing import Any

import httpx
import pytest

from letterhead.mail.portal import Scope
from tests.bad_inputs import VALID_NAMES, Row, rows
from tests.forms import message, smtp
from tests.running import Portal


def post(portal: Portal, **request: Any) -> httpx.Response:
    headers = {"X-Portal": portal.slug, **request.pop("headers", {})}
    return portal.platform.http.post("/v1/messages", headers=headers, **request)


def fields(answer: httpx.Response) -> set[str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return {each["field"].partition(".")[0] for each in answer.json().get("errors", [])}


def nothing_is_kept(portal: Portal) -> bool:
    found: list[Any] = portal.call("GET", "/messages")["items"]
    return not found


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
@pytest.mark.parametrize("row", rows("address"), ids=str)
def test_addresses_of_recipients(portal: Portal, row: Row, field: str) -> None:
    body = {**message(), field: [{"email": row.text}]}

    answer = post(portal, json=body)

    if row.expect.startswith("accept") and row.text[0] != "=":
        expected = row.expect.removeprefix("accept_as:") if ":" in row.expect else row.text
        assert answer.status_code == 202
        assert expected in [each["email"] for each in answer.json()["recipients"]]
    else:
        assert (answer.status_code, fields(answer)) == (422, {field})
        assert nothing_is_kept(portal)


@pytest.mark.parametrize("field", ["from_address", "copy_to"])
@pytest.mark.parametrize("row", rows("address"), ids=str)
def test_addresses_of_settings(portal: Portal, row: Row, field: str) -> None:
    answer = portal.ask("PUT", portal.form, smtp(**{field: row.text}))

    if row.expect.startswith("accept") and row.text[0] != "=":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, fields(answer)) == (422, {field})
        assert portal.settings()["next"] is None


@pytest.mark.parametrize("row", rows("host"), ids=str)
def test_hosts(portal: Portal, row: Row) -> None:
    answer = portal.ask("PUT", portal.form, smtp(server=row.text))

    if row.text in VALID_NAMES:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, fields(answer)) == (422, {"server"})
        assert portal.settings()["next"] is None


@pytest.mark.parametrize("row", rows("port"), ids=str)
def test_ports(portal: Portal, row: Row) -> None:
    answer = portal.ask("PUT", portal.form, smtp(port=row.value))

    assert (answer.status_code, fields(answer)) == (422, {"port"})
    assert portal.settings()["next"] is None


@pytest.mark.parametrize("field", ["subject", "from_name", "headers", "reply_to"])
@pytest.mark.parametrize("row", rows("header_value"), ids=str)
def test_values_of_headers(portal: Portal, row: Row, field: str) -> None:
    values = {"headers": {"X-A": row.text}, "reply_to": {"email": "a@b.co", "name": row.text}}

    answer = post(portal, json={**message(), field: values.get(field, row.text)})

    if row.is_rejected or "\x1b" in row.text:  # what would be unsafe in a log is not taken at all
        assert (answer.status_code, fields(answer)) == (422, {field})
        assert nothing_is_kept(portal)
    else:
        assert answer.status_code == 202
        assert portal.wait_for(answer.json()["id"])["recipients"][0]["status"] == "captured"


@pytest.mark.parametrize("row", rows("header_value"), ids=str)
def test_names_in_settings(portal: Portal, row: Row) -> None:
    answer = portal.ask("PUT", portal.form, smtp(from_name=row.text))

    if row.is_rejected or "\x1b" in row.text:
        assert (answer.status_code, fields(answer)) == (422, {"from_name"})
    else:
        assert answer.json()["next"]["from_name"] == row.text


@pytest.mark.parametrize("row", rows("header_name"), ids=str)
def test_names_of_headers(portal: Portal, row: Row) -> None:
    answer = post(portal, json={**message(), "headers": {row.text: "x"}})

    assert (answer.status_code, fields(answer)) == (422, {"headers"})
    assert nothing_is_kept(portal)


@pytest.mark.parametrize("row", rows("filename"), ids=str)
def test_names_of_files(portal: Portal, row: Row) -> None:
    file = {"filename": row.text, "content": "eA=="}

    answer = post(portal, json={**message(), "attachments": [file]})

    assert (answer.status_code, fields(answer)) == (422, {"attachments"})
    assert nothing_is_kept(portal)


@pytest.mark.parametrize("row", rows("mime"), ids=str)
def test_raw_messages(portal: Portal, row: Row) -> None:
    headers = {"content-type": "message/rfc822"}

    answer = post(portal, content=row.octets, headers=headers)

    assert answer.status_code in {413, 422}  # the rows name no recipients, so none is accepted
    assert fields(answer)
    assert nothing_is_kept(portal)


JSON_STATUS = {
    "reject": {400, 422},
    "reject_400": {400},
    "reject_404": {422},  # there is no such field: a portal is named by key or header alone
    "reject_window": {422},
    "reject_unknown_field": {422},
    "reject_base64": {422},
    "reject_415_or_413": {413, 415},
}


@pytest.mark.parametrize("row", rows("json"), ids=str)
def test_json(portal: Portal, row: Row) -> None:
    headers = {"content-type": "application/json"}
    content = row.octets if isinstance(row.value, bytes) else row.text.encode()
    if row.text.startswith("GZIP") if isinstance(row.value, str) else False:
        headers["content-encoding"] = "gzip"
        content = gzip.compress(b"0" * 10_000_000)

    answer = post(portal, content=content, headers=headers)

    assert answer.status_code in JSON_STATUS[row.expect]
    assert answer.headers["content-type"] == "application/problem+json"
    assert nothing_is_kept(portal)


def by_hand(portal: Portal, **changed: str) -> int:
    """Send a message with fields that HTTP clients refuse to send; gives the status."""
    body = json.dumps(message()).encode()
    url = portal.platform.http.base_url
    fields = {
        "Host": url.host,
        "Authorization": portal.platform.http.headers["authorization"],
        "X-Portal": portal.slug,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    lines = [f"{name}: {value}" for name, value in fields.items()]
    request = "\r\n".join(["POST /v1/messages HTTP/1.1", *lines, "", ""]).encode() + body
    with socket.create_connection((url.host, url.port or 80), timeout=20) as connection:
        connection.sendall(request)
        return int(connection.recv(65536).split(b" ", 2)[1])


@pytest.mark.parametrize("row", rows("auth"), ids=str)
def test_authorization(portal: Portal, stranger: Portal, row: Row) -> None:
    good, revoked = portal.key(Scope.SEND), portal.key(Scope.SEND)
    keys = portal.call("GET", f"/portals/{portal.slug}/keys")["items"]
    path = f"/v1/portals/{portal.slug}/keys/{keys[-1]['id']}"
    assert portal.platform.http.delete(path).status_code == 204
    value = row.text.replace("<ok>", good).replace("<revoked>", revoked)

    status = by_hand(portal, Authorization=value.replace("other", stranger.slug))

    assert by_hand(portal, Authorization=f"Bearer {good}") == 202  # so it is the value
    assert status == int(row.expect)
    assert nothing_is_kept(stranger)
    assert len(portal.call("GET", "/messages")["items"]) == 1


@pytest.mark.parametrize("row", rows("idempotency_key"), ids=str)
def test_idempotency_keys(portal: Portal, stranger: Portal, row: Row) -> None:
    if row.expect in {"reject", "reject_len"}:
        assert by_hand(portal, Idempotency_Key=row.text) in {400, 422}
        assert nothing_is_kept(portal)
        return

    headers = {"Idempotency-Key": "same"}
    first = post(portal, json=message(), headers=headers).json()["id"]
    again = post(portal, json=message(), headers=headers).json()["id"]
    other = post(stranger, json=message(), headers=headers).json()["id"]

    assert first == again != other


def test_everything_that_is_wrong_is_named_at_once(portal: Portal) -> None:
    answer = post(
        portal,
        json={
            "to": [{"email": "a@b.co"}, {"email": "nobody", "nick": 1}],
            "cc": [{"email": "b b@c.test"}],
            "subject": "a\r\nb",
            "headers": {"From": "x"},
            "surprise": True,
        },
    )

    assert answer.status_code == 422
    assert fields(answer) == {"to", "cc", "subject", "headers", "surprise", "text"}


def test_everything_that_is_wrong_with_a_session_is_named_at_once(portal: Portal) -> None:
    asked = {"email": "nobody", "role": "god", "ttl": 0, "surprise": True}

    problem = portal.refused("POST", f"/portals/{portal.slug}/sessions", asked)

    assert {each["field"] for each in problem["errors"]} == set(asked)


def test_null_leaves_out_what_may_be_left_out(portal: Portal) -> None:
    default = {"type": "default", "from_name": "Hart", "reply_to": None, "copy_to": None}
    relay = {
        "type": "smtp",
        "provider": "microsoft365_relay",
        "server": "hart-test.mail.protection.outlook.com",
        "port": 25,
        "login": None,
        "password": None,
        "from_name": None,
        "from_address": "office@hart.test",
        "copy_to": None,
        "allow_ssl": True,
    }

    saved = [portal.save(default)["next"], portal.save(relay)["next"]]

    assert [each["copy_to"] for each in saved] == ["", ""]
    assert (saved[0]["reply_to"], saved[1]["login"], saved[1]["password_set"]) == ("", "", False)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"x" * (41 << 20), "headers": {"content-type": "application/json"}}, 413),
    ],
    ids=["half", "type", "depth", "size"],
)
def test_bodies_that_are_no_messages(portal: Portal, request_: dict[str, Any], status: int) -> None:
    answer = post(portal, **request_)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert nothing_is_kept(portal)
