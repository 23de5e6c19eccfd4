"""Messages over the API: accepted once, found, cancelled, sent again, decided on."""

import base64
import time
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from letterhead.mail.portal import Scope
from tests.forms import message
from tests.running import Platform, Portal

PNG = base64.b64encode(b"\x89PNG not really").decode()


def captured(platform: Platform, subject: str) -> list[EmailMessage]:
    """The mails that the platform's route has kept, with their envelope in fields on top."""
    found = [
        message_from_bytes(each.read_bytes(), policy=policy.default) for each in platform.captured()
    ]
    return [each for each in found if each["Subject"] == subject]


def test_everybody_gets_the_same_mail_and_nobody_sees_bcc(portal: Portal) -> None:
    sent = portal.send(
        message(
            f"Contract for {portal.slug}",
            to=[{"email": "anna@client.test", "name": "Anna Ärger"}],
            cc=[{"email": "carl@client.test"}],
            bcc=[{"email": "bert@client.test"}],
            html="<p>Grüße</p>",
            reply_to={"email": "office@hart.test", "name": "Office"},
            from_name="Hart",
            headers={"X-Case": "17"},
            attachments=[
                {"filename": "Vertrag ä.pdf", "content_type": "application/pdf", "content": PNG},
                {
                    "filename": "logo.png",
                    "content_type": "image/png",
                    "content": PNG,
                    "content_id": "logo",
                },
            ],
        )
    )
    portal.wait_for(sent)

    mails = captured(portal.platform, f"Contract for {portal.slug}")
    assert {each["X-Letterhead-Envelope-To"] for each in mails} == {
        *("anna@client.test", "carl@client.test", "bert@client.test")
    }
    for mail in mails:
        assert str(mail["To"]) == "Anna Ärger <anna@client.test>"
        assert (str(mail["Cc"]), mail["Bcc"]) == ("carl@client.test", None)
        assert str(mail["From"]) == "Hart via Desk <no-reply@desk.test>"
        assert str(mail["Reply-To"]) == "Office <office@hart.test>"
        assert mail["X-Case"] == "17"
        assert mail["Message-ID"] == f"<{sent}@desk.test>"
        html = mail.get_body(("html",))
        assert html is not None
        assert html.get_content() == "<p>Grüße</p>\r\n"
        assert [each.get_filename() for each in mail.iter_attachments()] == ["Vertrag ä.pdf"]


def test_a_raw_message_keeps_its_bytes_but_for_what_is_ours(portal: Portal) -> None:
    raw = (
        b"From: Somebody <else@where.test>\r\nTo: anna@client.test\r\n"
        b"Bcc: bert@client.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        b"X-Kept: as it was\r\nMessage-ID: <theirs@where.test>\r\n\r\nBody.\r\n"
    )
    headers = {"content-type": "message/rfc822", "X-Portal": portal.slug}

    answer = portal.platform.http.post("/v1/messages", content=raw, headers=headers)
    portal.wait_for(answer.json()["id"])

    assert answer.status_code == 202
    mails = captured(portal.platform, "Grüße")
    mine = [each for each in mails if answer.json()["id"] in each["Message-ID"]]
    assert {each["X-Letterhead-Envelope-To"] for each in mine} == {
        *("anna@client.test", "bert@client.test")
    }
    for mail in mine:
        assert (mail["X-Kept"], mail["Bcc"]) == ("as it was", None)
        assert "no-reply@desk.test" in mail["From"]
        assert mail.get_content() == "Body.\r\n"


def test_an_idempotency_key_sends_once(portal: Portal, stranger: Portal) -> None:
    def post(to: Portal, subject: str) -> tuple[int, str, str | None]:
        answer = to.platform.http.post(
            "/v1/messages",
            json=message(subject),
            headers={"X-Portal": to.slug, "Idempotency-Key": "invoice-1"},
        )
        found = answer.json()
        return answer.status_code, found.get("id", ""), answer.headers.get("Idempotent-Replayed")

    first, again = post(portal, "Once"), post(portal, "Once")
    other_body, other_portal = post(portal, "Twice"), post(stranger, "Once")

    assert first[0] == again[0] == other_portal[0] == 202
    assert (first[1], again[2]) == (again[1], "true")
    assert other_body[0] == 409
    assert other_portal[1] != first[1]
    assert len(portal.call("GET", "/messages")["items"]) == 1


def test_a_batch_answers_each_message_by_its_id_or_its_problem(portal: Portal) -> None:
    messages = [message("Good"), message("Bad", to=[{"email": "nobody"}]), {"text": 7}]

    items = portal.call("POST", "/messages/batch", {"messages": messages})["items"]

    assert portal.wait_for(items[0]["id"])["subject"] == "Good"
    assert [each["problem"]["errors"][0]["field"] for each in items[1:]] == ["to.0.email", "text"]
    assert len(portal.call("GET", "/messages")["items"]) == 1


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_has_one_to_a_thousand_messages(portal: Portal, count: int) -> None:
    refused = portal.refused("POST", "/messages/batch", {"messages": [message()] * count})

    assert refused["errors"][0]["field"] == "messages"


def test_what_waits_for_its_time_can_be_cancelled(portal: Portal) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()  # noqa: TID251 - as a client does
    sent = portal.send(message("Later", send_at=at))

    before = portal.statuses(sent)
    cancelled = portal.call("POST", f"/messages/{sent}/cancel")
    again = portal.refused("POST", f"/messages/{sent}/cancel")
    events = portal.call("GET", f"/messages/{sent}/events")["items"]

    assert before == ["queued"]
    assert [each["status"] for each in cancelled["recipients"]] == ["cancelled"]
    assert again["status"] == 409
    assert [each["kind"] for each in events] == ["accepted", "cancelled"]


def test_sending_again_makes_a_new_message_of_the_same_bytes(portal: Portal) -> None:
    sent = portal.send(message(f"Again {portal.slug}"))
    portal.wait_for(sent)

    again = portal.call("POST", f"/messages/{sent}/send-again")
    portal.wait_for(again["id"])

    first, second = captured(portal.platform, f"Again {portal.slug}")
    assert portal.message(again["id"])["again_of"] == sent
    assert first["Message-ID"] != second["Message-ID"]
    assert first.get_content() == second.get_content()


def test_what_is_still_on_its_way_is_not_sent_again(portal: Portal) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()  # noqa: TID251 - as a client does
    sent = portal.send(message("Later", send_at=at))

    refused = portal.refused("POST", f"/messages/{sent}/send-again")
    portal.call("POST", f"/messages/{sent}/cancel")
    again = portal.call("POST", f"/messages/{sent}/send-again")

    assert refused["status"] == 409
    assert portal.wait_for(again["id"])["subject"] == "Later"


def test_mail_of_class_system_is_sent_again_by_the_platform_alone(portal: Portal) -> None:
    portal.save({"type": "default", "copy_to": "copies@hart.test"})
    portal.change("switch-on")
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # noqa: TID251 - by the service's clock
    later = {"class": "system", "send_at": tomorrow.isoformat()}
    sent = portal.send(message("Sign-in code", **later))
    portal.call("POST", f"/messages/{sent}/cancel")
    shown = {"Authorization": f"Bearer {portal.key(Scope.SEND)}"}

    refused = portal.platform.http.post(f"/v1/messages/{sent}/send-again", headers=shown)
    again = portal.call("POST", f"/messages/{sent}/send-again")

    assert refused.status_code == 403
    assert len(portal.wait_for(again["id"])["recipients"]) == 1


def test_what_the_platform_said_is_not_kept_when_everybody_has_it(portal: Portal) -> None:
    sent = portal.send(message("Sign-in code", **{"class": "system"}))
    portal.wait_for(sent)

    refused = portal.refused("POST", f"/messages/{sent}/send-again")

    assert (refused["status"], refused["detail"]) == (
        *(409, "The body of this message is not kept any more."),
    )


def test_the_platform_s_connection_is_not_a_portal_s_to_hurry(portal: Portal) -> None:
    assert portal.refused_change("resume")["status"] == 409


def test_a_portal_sends_ten_test_mails_an_hour(portal: Portal) -> None:
    portal.save({"type": "default"})
    to = {"to": "anna@client.test"}

    accepted = [portal.change("test", to)["accepted"] for _ in range(10)]
    refused = portal.ask("POST", f"{portal.form}/test", to)

    assert accepted == [True] * 10
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


def test_the_timeline_tells_what_happened(portal: Portal) -> None:
    sent = portal.send(message("Timeline"))
    portal.wait_for(sent)

    events = portal.call("GET", f"/messages/{sent}/events")["items"]

    assert [each["kind"] for each in events] == ["accepted", "captured"]
    assert events[1]["reply"]["code"] == 250
    assert events[1]["email"] == "anna@client.test"
    assert all(each["at"].endswith("Z") for each in events)


def test_lists_are_paged_and_searched(portal: Portal) -> None:
    items = portal.call(
        "POST", "/messages/batch", {"messages": [message(f"Page {at}") for at in range(5)]}
    )["items"]
    for each in items:
        portal.wait_for(each["id"])

    first = portal.call("GET", "/messages?limit=2")
    second = portal.call("GET", f"/messages?limit=2&cursor={first['next_cursor']}")
    third = portal.call("GET", f"/messages?limit=2&cursor={second['next_cursor']}")
    found = portal.call("GET", "/messages?q=page%203")["items"]
    captured_only = portal.call("GET", "/messages?status=captured")["items"]
    failed = portal.call("GET", "/messages?status=failed")["items"]

    subjects = [each["subject"] for page in (first, second, third) for each in page["items"]]
    assert subjects == [f"Page {at}" for at in (4, 3, 2, 1, 0)]
    assert third["next_cursor"] is None
    assert [each["subject"] for each in found] == ["Page 3"]
    assert (len(captured_only), failed) == (5, [])


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=x", "limit=1001", "status=lost", "cursor=%00"),
        *("since=yesterday", "since=1", "until=1795000000", "until=2026-11-26T08:30:00"),
    ],
)
def test_wrong_queries_are_named(portal: Portal, query: str) -> None:
    refused = portal.refused("GET", f"/messages?{query}")

    assert refused["status"] == 422
    assert refused["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("moment", [4102444801, "4102444800", 1.5, True, "tomorrow", [], ""])
def test_a_moment_is_written_out(portal: Portal, moment: object) -> None:
    refused = portal.refused("POST", "/messages", message("Later", send_at=moment))

    assert refused["status"] == 422
    assert [each["field"] for each in refused["errors"]] == ["send_at"]


def test_a_body_is_shown_to_whoever_may_see_bodies(portal: Portal) -> None:
    sent = portal.send(message("Body"))
    shown = {"Authorization": f"Bearer {portal.key(Scope.BODIES)}"}

    answer = portal.platform.http.get(f"/v1/messages/{sent}/body", headers=shown)

    assert answer.status_code == 200
    assert b"Dear Anna" in answer.content


def test_codes_cannot_be_read_from_the_log(portal: Portal) -> None:
    portal.save({"type": "default"})
    portal.change("test", {"to": "anna@client.test"})
    sent = portal.send(message("Sign-in code", **{"class": "system"}))

    body = portal.ask("GET", f"/messages/{sent}/body")
    listed = portal.call("GET", "/messages")["items"]

    assert body.status_code == 403
    assert [each["class"] for each in listed] == ["system"]  # no test mail is in the log


def test_mail_of_class_system_is_no_business_mail(portal: Portal) -> None:
    portal.save({"type": "default", "copy_to": "copies@hart.test"})
    portal.change("switch-on")

    sent = portal.send(message("Sign-in code", **{"class": "system"}))
    business = portal.send(message("Invoice"))

    assert len(portal.wait_for(sent)["recipients"]) == 1
    assert len(portal.wait_for(business)["recipients"]) == 2


def test_nothing_is_uncertain_that_can_be_decided_on(portal: Portal) -> None:
    sent = portal.send(message())
    [recipient] = portal.wait_for(sent)["recipients"]
    asked = {"recipient": recipient["id"], "as": "sent"}

    refused = portal.refused("POST", f"/messages/{sent}/resolve", asked)
    unknown = portal.refused("POST", f"/messages/{sent}/resolve", {**asked, "recipient": "x"})

    assert (refused["status"], unknown["status"]) == (409, 422)


def test_metrics_and_health_answer_without_a_key(capturing: Platform) -> None:
    health = capturing.http.get("/healthz", headers={"Authorization": ""})
    metrics = capturing.http.get("/metrics", headers={"Authorization": ""})

    found = health.json()
    assert found.pop("submission")["starttls"] > 0
    assert found == {"status": "ok", "problems": [], "captures": True, "redirects_to": None}
    assert "letterhead_" in metrics.text
    assert capturing.http.get("/readyz").status_code == 200


def test_it_stops_in_good_order(tmp_path_factory: pytest.TempPathFactory) -> None:
    platform = Platform(tmp_path_factory.mktemp("stopping"), {})
    portal = platform.portal("hart")
    items = portal.call("POST", "/messages/batch", {"messages": [message()] * 200})["items"]

    began = time.monotonic()
    platform.stop()
    stopped = time.monotonic() - began
    platform.start()
    for each in items:
        portal.wait_for(each["id"])
    platform.stop()

    assert (platform.process.returncode, platform.errors()) == (0, [])
    assert stopped < 30
    assert len(platform.captured()) == 200
