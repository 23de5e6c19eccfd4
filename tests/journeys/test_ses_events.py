"""What Amazon SES reports comes back: by SNS to our door, signed, or by a queue of SQS."""

import json
import ssl
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

from tests.forms import message
from tests.journeys.settings import eventually
from tests.mail.test_feedback import event
from tests.running import Platform, Portal
from tests.servers import ses, sns
from tests.servers.bind import Bind
from tests.servers.certificates import Certificates
from tests.servers.ses import KEYS, REGION, Ses
from tests.servers.sns import HOST, TOPIC, Signer

QUEUE = "letterhead-events"


@pytest.fixture(scope="module")
def signer() -> Signer:
    return sns.signer()


@pytest.fixture(scope="module")
def stranger() -> Signer:
    return sns.signer()


@pytest.fixture(scope="module")
def certificates(
    signer: Signer, net: str, certs: Certificates, name_server: Bind
) -> Iterator[list[str]]:
    """SNS's host, as the tests' name server knows it; gives what is asked of it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certs.chain("sns"))
    with sns.serving(signer.pem, f"{net}.8", context) as asked:
        yield asked


@pytest.fixture(scope="module")
def amazon(moto: int, name_server: Bind) -> Iterator[Ses]:
    with ses.running(moto, name_server.port) as found:
        found.clicked.add("no-reply@desk.test")
        found.forwarded("POST", "/v2/email/identities", b'{"EmailIdentity": "no-reply@desk.test"}')
        yield found


@pytest.fixture(scope="module")
def queue(amazon: Ses) -> Any:
    """Moto's SQS, with our queue in it."""
    made = boto3.client(
        "sqs",
        region_name=REGION,
        endpoint_url=amazon.url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    made.create_queue(QueueName=QUEUE)
    yield made
    made.close()


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory,
    name_server: Bind,
    amazon: Ses,
    certs: Certificates,
    queue: Any,
) -> Iterator[Platform]:
    arn = f"arn:aws:sqs:{REGION}:{ses.ACCOUNT}:{QUEUE}"
    settings = {
        **KEYS,
        "AWS_ENDPOINT_URL": amazon.url,
        "LETTERHEAD_DNS_SERVERS": f"127.0.0.1:{name_server.port}",
        "LETTERHEAD_CA_FILE": str(certs.authority),
        "LETTERHEAD_DEFAULT_ROUTE": f"ses:{REGION}",
        "LETTERHEAD_SES_TOPICS": TOPIC,
        "LETTERHEAD_SES_QUEUES": arn,
    }
    made = Platform(tmp_path_factory.mktemp("events"), settings)
    yield made
    made.stop()
    assert made.errors() == []


def told(platform: Platform, envelope: dict[str, str]) -> httpx.Response:
    """What the door answers, which is open to all."""
    raw = json.dumps(envelope).encode()
    return httpx.post(f"{platform.address}/hooks/amazon-sns", content=raw)


def sent(portal: Portal) -> tuple[str, str]:
    """A mail that SES has taken, and its recipient."""
    found = portal.wait_for(portal.send(message()), "sent")
    return found["id"], found["recipients"][0]["id"]


def test_a_bounce_by_sns_suppresses_for_the_portal(
    hart: Portal, other: Portal, signer: Signer, certificates: list[str]
) -> None:
    mail, recipient = sent(hart)
    envelope = signer.envelope(json.dumps(event("Bounce", recipient)))

    answers = [told(hart.platform, envelope).status_code for _ in range(2)]

    [found] = hart.message(mail)["recipients"]
    kinds = [each["kind"] for each in hart.call("GET", f"/messages/{mail}/events")["items"]]
    assert answers == [204, 204]
    assert found["status"] == "bounced"
    assert kinds.count("bounced") == 1
    [suppression] = hart.call("GET", "/suppressions")["items"]
    assert (suppression["email"], suppression["reason"]) == ("anna@client.test", "bounced")
    assert other.call("GET", "/suppressions")["items"] == []
    assert len(certificates) == 1  # it is kept


@pytest.mark.usefixtures("certificates")
def test_the_page_says_why_an_address_is_not_written_to(hart: Portal, signer: Signer) -> None:
    _, recipient = sent(hart)
    told(hart.platform, signer.envelope(json.dumps(event("Complaint", recipient))))
    guest = {"email": "admin@hart.test", "role": "admin", "ttl": 600}
    address = hart.call("POST", f"/portals/{hart.slug}/sessions", guest)["url"]

    with httpx.Client(follow_redirects=True) as browser:
        browser.get(address)
        page = browser.get(f"{hart.platform.address}/portals/{hart.slug}/suppressions").text

    assert "The recipient called a mail spam" in page
    assert "Put here by a person" not in page


@pytest.mark.usefixtures("certificates")
@pytest.mark.parametrize("version", ["1", "2"])
def test_either_signature_of_sns_is_good(hart: Portal, signer: Signer, version: str) -> None:
    mail, recipient = sent(hart)
    said = json.dumps(event("Delivery", recipient))

    answer = told(hart.platform, signer.envelope(said, SignatureVersion=version))

    assert answer.status_code == 204
    assert hart.statuses(mail) == ["delivered"]


def test_what_anybody_may_write_changes_nothing(
    hart: Portal, signer: Signer, stranger: Signer, certificates: list[str]
) -> None:
    mail, recipient = sent(hart)
    said = json.dumps(event("Complaint", recipient))
    good = signer.envelope(said)
    theirs = "https://sns.eu-west-1.amazonaws.com.attacker.test/SimpleNotificationService-0a.pem"
    looked = len(certificates)
    forged = [
        stranger.envelope(said),
        {**good, "Message": said.replace("abuse", "fraud")},
        {**good, "Signature": ""},
        {**good, "SignatureVersion": "3"},
        stranger.envelope(said, SigningCertURL=theirs),
        signer.envelope(said, SigningCertURL=f"http://{HOST}/SimpleNotificationService-0a.pem"),
        signer.envelope(said, SigningCertURL=f"https://{HOST}:444/SimpleNotificationService-0.pem"),
        signer.envelope(said, SigningCertURL=f"https://{HOST}/?Action=Publish"),
        signer.envelope(said, TopicArn=f"{TOPIC}-of-somebody-else"),
        {"Type": "Notification"},
    ]

    answers = [told(hart.platform, each).status_code for each in forged]
    large = httpx.post(f"{hart.platform.address}/hooks/amazon-sns", content=b" " * 300_000)

    assert answers == [403] * len(forged)
    assert large.status_code == 413
    assert hart.statuses(mail) == ["sent"]
    assert len(certificates) <= looked + 1  # ours, and nobody else's


@pytest.mark.usefixtures("certificates")
def test_only_a_subscription_of_our_topic_is_confirmed(
    hart: Portal, signer: Signer, stranger: Signer, amazon: Ses
) -> None:
    ask = {
        "Type": "SubscriptionConfirmation",
        "Token": "t" * 64,
        "SubscribeURL": "https://attacker.test/",
    }

    refused = [
        told(hart.platform, stranger.envelope("", **ask)),
        told(hart.platform, signer.envelope("", **ask, TopicArn=f"{TOPIC}-2")),
    ]
    assert [each.status_code for each in refused] == [403, 403]
    assert "ConfirmSubscription" not in amazon.calls

    told(hart.platform, signer.envelope("", **ask))

    assert amazon.calls.count("ConfirmSubscription") == 1


def test_reports_are_taken_from_a_queue(hart: Portal, queue: Any, stranger: Signer) -> None:
    mail, recipient = sent(hart)
    url = queue.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    said = json.dumps(event("Delivery", recipient))
    foreign = stranger.envelope(said, TopicArn=f"{TOPIC}-2")
    for body in (json.dumps(foreign), "no envelope", json.dumps(stranger.envelope(said))):
        queue.send_message(QueueUrl=url, MessageBody=body)

    eventually(lambda: hart.statuses(mail) == ["delivered"])

    left = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def waiting() -> set[str]:
        return set(
            queue.get_queue_attributes(QueueUrl=url, AttributeNames=left)["Attributes"].values()
        )

    eventually(lambda: waiting() == {"0"})
    assert hart.statuses(mail) == ["delivered"]
