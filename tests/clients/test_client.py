"""The Python client: what it hands in, what it reads, and what it does when answers get lost."""

import email
import email.policy
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from letterhead_client import (
    Address,
    AsyncClient,
    Attachment,
    Client,
    Conflict,
    Forbidden,
    Invalid,
    Message,
    NotFound,
    Patience,
    Receipt,
    Refused,
    Unauthorized,
    Unavailable,
)
from tests.clients.lossy import lossy
from tests.running import KEY, Platform, Portal

INVOICE = Message(to="anna@client.test", subject="Invoice 7", text="Dear Anna")
QUICK = Patience(first=0.01)


@pytest.fixture
def client(desk: Platform, key: str) -> Iterator[Client]:
    with Client(desk.address, key) as opened:
        yield opened


@pytest.fixture
async def concurrent(desk: Platform, key: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(desk.address, key) as opened:
        yield opened


def test_a_message_is_kept_with_all_that_it_holds(
    client: Client, hart: Portal, tmp_path: Path
) -> None:
    (tmp_path / "invoice.pdf").write_bytes(b"%PDF-1.7 invoice")
    receipt = client.send(
        Message(
            to=[Address("anna@client.test", "Anna Ø"), "bob@client.test"],
            cc="carl@client.test",
            bcc=Address("dora@client.test"),
            subject="Invoice 7: März",
            text="Dear Anna",
            html="<p>Dear <b>Anna</b> <img src=cid:logo></p>",
            attachments=[
                Attachment.of(tmp_path / "invoice.pdf"),
                Attachment("logo.png", b"\x89PNG", "image/png", content_id="logo"),
            ],
            headers={"X-Invoice": "7"},
            reply_to=Address("office@hart.test", "Office"),
            on_uncertain="hold",
            metadata={"invoice": 7},
        )
    )

    hart.wait_for(receipt.id, "captured")
    state = client.message(receipt.id)
    kept = email.message_from_bytes(client.body(receipt.id), policy=email.policy.default)

    assert [each.email for each in receipt.recipients] == [
        f"{name}@client.test" for name in ("anna", "bob", "carl", "dora")
    ]
    assert {each.status for each in state.recipients} == {"captured"}
    assert state.raw["metadata"] == {"invoice": 7}
    assert str(kept["subject"]) == "Invoice 7: März"
    assert kept["x-invoice"] == "7"
    assert "dora" not in str(kept["to"]) + str(kept["cc"])
    assert isinstance(kept, EmailMessage)
    files = {part.get_filename(): part.get_content() for part in kept.iter_attachments()}
    assert files["invoice.pdf"] == b"%PDF-1.7 invoice"
    assert [each.kind for each in client.events(receipt.id)] == ["accepted", *["captured"] * 4]


def test_pythons_own_message_goes_as_it_is(client: Client) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "office@hart.test", "anna@client.test"
    message["Bcc"] = "bob@client.test"
    message["Subject"] = "Reminder"
    message.set_content("Please sign: ä")

    receipt = client.send_raw(message)

    assert [each.email for each in receipt.recipients] == ["anna@client.test", "bob@client.test"]
    assert b"bob@" not in client.body(receipt.id)


def test_a_batch_answers_each_message(client: Client) -> None:
    good, bad = client.send_batch([INVOICE, Message(to="nobody", subject="x", text="y")])

    assert isinstance(good, Receipt)
    assert isinstance(bad, Refused)
    assert [each.field for each in bad.errors] == ["to.0.email"]


def test_a_message_that_waits_is_found_cancelled_and_sent_again(client: Client) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # noqa: TID251 - the service has its own clock
    waiting = Message(to="anna@client.test", subject="Later", text="x", send_at=tomorrow)
    receipt = client.send(waiting)

    found = [each.id for each in client.messages(q="Later", status="queued")]
    cancelled = client.cancel(receipt.id)
    again = client.send_again(receipt.id)

    assert found == [receipt.id]
    assert cancelled.recipients[0].status == "cancelled"
    assert client.message(again.id).raw["again_of"] == receipt.id
    with pytest.raises(Conflict):
        client.cancel(receipt.id)


def test_the_log_is_fetched_page_by_page(client: Client) -> None:
    sent = client.send_batch(
        [Message(to="a@client.test", subject=str(n), text="x") for n in range(120)]
    )

    listed = [each.subject for each in client.messages()]

    assert len(sent) == 120
    assert sorted(listed, key=int) == [str(n) for n in range(120)]


def test_suppressed_addresses_are_listed_added_and_removed(client: Client) -> None:
    client.suppress("gone@client.test")

    listed = [(each.email, each.reason) for each in client.suppressions(q="gone")]
    client.unsuppress("gone@client.test")

    assert listed == [("gone@client.test", "manual")]
    assert list(client.suppressions()) == []


def test_a_platform_key_names_the_portal(desk: Platform, hart: Portal) -> None:
    with Client(desk.address, KEY, portal=hart.slug) as client:
        receipt = client.send(INVOICE)

        assert client.message(receipt.id).subject == "Invoice 7"


def test_an_answer_that_got_lost_is_no_second_message(desk: Platform, key: str) -> None:
    with (
        lossy(desk.address, "lost", "busy", "lost") as between,
        Client(between.address, key, patience=QUICK) as client,
    ):
        receipt = client.send(INVOICE)
        listed = [each.id for each in client.messages()]

    assert receipt.replayed
    assert listed == [receipt.id]
    assert between.requests == 5


def test_what_may_have_been_done_is_not_done_twice(desk: Platform, key: str) -> None:
    with (
        lossy(desk.address, "lost") as between,
        Client(between.address, key, patience=QUICK) as client,
        pytest.raises(Unavailable),
    ):
        client.send_again("0" * 32)

    assert between.requests == 1


def test_nobody_answers(key: str) -> None:
    with Client("http://127.0.0.1:9", key, patience=QUICK) as client, pytest.raises(Unavailable):
        client.send(INVOICE)


def test_a_service_that_stays_busy_is_given_up(desk: Platform, key: str) -> None:
    with (
        lossy(desk.address, *["busy"] * 9) as between,
        Client(between.address, key, patience=QUICK) as client,
        pytest.raises(Unavailable),
    ):
        client.send(INVOICE)

    assert between.requests == QUICK.tries


def test_the_same_key_for_another_message_is_a_conflict(client: Client) -> None:
    client.send(INVOICE, idempotency_key="invoice-7")

    again = client.send(INVOICE, idempotency_key="invoice-7")
    with pytest.raises(Conflict):
        client.send(Message(to="x@client.test", text="other"), idempotency_key="invoice-7")

    assert again.replayed


def test_every_field_that_is_not_right_is_named(client: Client) -> None:
    with pytest.raises(Invalid) as caught:
        client.send(Message(to=["nobody", "x@client.test"], subject="a\nb", text="x"))

    assert {each.field for each in caught.value.errors} == {"to.0.email", "subject"}
    assert "to.0.email" in str(caught.value)


def test_refusals_have_names(desk: Platform, client: Client) -> None:
    with pytest.raises(NotFound):
        client.message("0" * 32)
    with pytest.raises(NotFound):
        client.message("../portals")
    with pytest.raises(Forbidden):
        client.send(Message(to="a@client.test", text="x", message_class="system"))
    with Client(desk.address, "wrong") as stranger, pytest.raises(Unauthorized):
        stranger.send(INVOICE)


@pytest.mark.parametrize(("url", "key"), [("", "key"), ("mail.example", "key"), ("https://x", "")])
def test_address_and_key_are_needed(url: str, key: str) -> None:
    with pytest.raises(ValueError, match="https://"):
        Client(url, key)


def test_a_time_needs_its_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        _ = Message(to="a@client.test", text="x", send_at=datetime(2027, 1, 1)).json  # noqa: DTZ001


def test_the_key_does_not_show_itself(desk: Platform) -> None:
    with Client(desk.address, "secret-key") as client:
        assert "secret-key" not in repr(client) + repr(vars(client))


async def test_asyncio_does_the_same(concurrent: AsyncClient, desk: Platform, key: str) -> None:
    receipt = await concurrent.send(INVOICE, idempotency_key="7")
    raw = await concurrent.send_raw(b"To: bob@client.test\r\nSubject: raw\r\n\r\nHello\r\n")
    batch = await concurrent.send_batch([INVOICE])
    await concurrent.suppress("gone@client.test")

    listed = [each.id async for each in concurrent.messages()]
    suppressed = [each.email async for each in concurrent.suppressions()]
    await concurrent.unsuppress("gone@client.test")
    events = await concurrent.events(receipt.id)
    body = await concurrent.body(receipt.id)

    assert isinstance(batch[0], Receipt)
    assert listed == [batch[0].id, raw.id, receipt.id]
    assert suppressed == ["gone@client.test"]
    assert events[0].kind == "accepted"
    assert b"Dear Anna" in body
    assert (await concurrent.message(raw.id)).subject == "raw"
    with pytest.raises(Conflict):
        await concurrent.resolve(receipt.id, receipt.recipients[0].id, "sent")
    with lossy(desk.address, "lost", "busy") as between:
        async with AsyncClient(between.address, key, patience=QUICK) as client:
            assert (await client.send(INVOICE)).replayed


async def test_asyncio_cancels_and_sends_again(concurrent: AsyncClient) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # noqa: TID251 - the service has its own clock
    receipt = await concurrent.send(Message(to="anna@client.test", text="x", send_at=tomorrow))

    cancelled = await concurrent.cancel(receipt.id)
    again = await concurrent.send_again(receipt.id)

    assert cancelled.recipients[0].status == "cancelled"
    assert again.id != receipt.id
