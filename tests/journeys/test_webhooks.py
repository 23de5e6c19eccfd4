"""A platform is told what happens to its portals' mail, by signed calls to servers outside."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.forms import message
from tests.running import Portal
from tests.servers import receiver as receivers
from tests.servers.certificates import Certificates
from tests.servers.receiver import Post, Receiver


@pytest.fixture
def receiver(certs: Certificates) -> Iterator[Receiver]:
    with receivers.running(certs.chain("good")) as server:
        yield server


def add(portal: Portal, url: str, *events: str) -> Any:
    return portal.call("POST", "/webhooks", {"url": url, "events": list(events)})


def posts(receiver: Receiver, count: int) -> list[Post]:
    """Wait for so many."""
    ends = time.monotonic() + 30
    while len(receiver.posts) < count and time.monotonic() < ends:
        time.sleep(0.05)
    assert len(receiver.posts) >= count
    return receiver.posts


def failing(portal: Portal) -> Any:
    """Wait until a call has failed; gives the webhook."""
    ends = time.monotonic() + 30
    while (found := portal.call("GET", "/webhooks")["items"][0])["state"] != "failing":
        assert time.monotonic() < ends, f"still {found}"
        time.sleep(0.05)
    return found


def is_signed(post: Post, secret: str) -> bool:
    """As a receiver checks it, by Standard Webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    head = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}."
    digest = hmac.digest(key, head.encode() + post.content, hashlib.sha256)
    shown = post.headers["webhook-signature"].removeprefix("v1,")
    return hmac.compare_digest(base64.b64decode(shown), digest)


def test_what_happens_is_told_by_a_signed_call(hart: Portal, receiver: Receiver) -> None:
    made = add(hart, f"https://localhost:{receiver.port}/mail?of=hart")
    hart.call("POST", "/suppressions", {"email": "gone@client.test"})
    to = [{"email": "anna@client.test"}, {"email": "gone@client.test"}]

    sent = hart.send({**message(), "to": to, "metadata": {"order": "7"}})

    found = posts(receiver, 2)
    told = {each["type"]: each for each in (json.loads(post.content) for post in found)}
    assert set(told) == {"captured", "suppressed"}
    assert told["captured"]["portal"] == hart.slug
    assert told["captured"]["message"]["id"] == sent
    assert told["captured"]["message"]["metadata"] == {"order": "7"}
    assert told["captured"]["recipient"]["email"] == "anna@client.test"
    assert told["captured"]["reply"]["code"] == 250
    assert told["suppressed"]["recipient"]["email"] == "gone@client.test"
    assert all(is_signed(each, made["secret"]) for each in found)
    assert {each.path for each in found} == {"/mail?of=hart"}
    assert {each.headers["webhook-id"] for each in found} == {each["id"] for each in told.values()}
    assert abs(int(found[0].headers["webhook-timestamp"]) - time.time()) < 60


def test_what_a_receiver_refuses_is_told_again_by_the_same_id(
    hart: Portal, receiver: Receiver
) -> None:
    add(hart, f"https://localhost:{receiver.port}/", "captured")
    receiver.status = 500

    hart.send(message())
    found = failing(hart)
    receiver.status = 200

    first, second = posts(receiver, 2)
    assert (found["error"], found["waiting"]) == ("It answered 500.", 1)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.content == second.content


def test_a_call_is_not_led_elsewhere(hart: Portal, receiver: Receiver) -> None:
    add(hart, f"https://localhost:{receiver.port}/", "captured")
    receiver.status, receiver.moved_to = 307, f"https://localhost:{receiver.port}/inner"

    hart.send(message())

    assert failing(hart)["error"] == "It answered 307."
    assert {each.path for each in receiver.posts} == {"/"}


@pytest.mark.parametrize("name", ["private.test", "alias.test", "a.rebind.test"])
def test_nobody_inside_the_network_is_called(hart: Portal, name: str) -> None:
    """`private.test` has a private address; the others lead to this machine, not on port 443."""
    add(hart, f"https://{name}/")

    hart.send(message())

    said = failing(hart)["error"]
    assert said == "The name has no address that may be reached."


@pytest.mark.parametrize("chain", ["selfsigned", "wrongname", "expired"])
def test_a_stranger_s_certificate_is_not_trusted(
    hart: Portal, certs: Certificates, chain: str
) -> None:
    with receivers.running(certs.chain(chain)) as stranger:
        add(hart, f"https://localhost:{stranger.port}/")
        hart.send(message())
        failing(hart)

        assert stranger.posts == []


def test_the_secret_is_shown_once_and_others_see_nothing(hart: Portal, other: Portal) -> None:
    made = add(hart, "https://hooks.hart.test/", "failed")

    shown = hart.call("GET", "/webhooks")
    refused = other.ask("DELETE", f"/webhooks/{made['id']}")
    gone = hart.ask("DELETE", f"/webhooks/{made['id']}")
    again = hart.ask("DELETE", f"/webhooks/{made['id']}")

    assert made["secret"].startswith("whsec_")
    assert made["secret"] not in json.dumps(shown)
    assert shown["items"] == [{key: value for key, value in made.items() if key != "secret"}]
    assert other.call("GET", "/webhooks")["items"] == []
    assert [each.status_code for each in (refused, gone, again)] == [404, 204, 404]
    assert hart.call("GET", "/webhooks")["items"] == []


def test_everything_that_is_wrong_is_named_and_ten_are_enough(hart: Portal) -> None:
    wrong = {"url": "http://hooks.hart.test/", "events": ["sent", "arrived"], "surprise": 1}

    problem = hart.refused("POST", "/webhooks", wrong)
    for _ in range(10):
        add(hart, "https://hooks.hart.test/")
    too_many = hart.refused("POST", "/webhooks", {"url": "https://hooks.hart.test/"})

    assert {each["field"] for each in problem["errors"]} == {"url", "events.1", "surprise"}
    assert [(each["field"], each["code"]) for each in too_many["errors"]] == [("url", "count")]
