"""`letterhead aws setup` against moto: what it makes brings a report of SES to the mail."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.forms import message
from tests.journeys.settings import eventually
from tests.mail.test_feedback import event
from tests.running import Platform
from tests.servers import ses
from tests.servers.bind import Bind
from tests.servers.ses import ACCOUNT, KEYS, REGION, Ses

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:letterhead-events"


@pytest.fixture
def amazon(moto: int, name_server: Bind) -> Iterator[Ses]:
    with ses.running(moto, name_server.port) as found:
        yield found


def run(amazon: Ses, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**KEYS, "AWS_ENDPOINT_URL": amazon.url, **settings}
    command = [sys.executable, "-m", "letterhead", "aws", "setup", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def set_up(amazon: Ses, *options: str, **settings: str) -> Any:
    found = run(amazon, "--region", REGION, "--json", *options, **settings)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def client(amazon: Ses, service: str) -> Any:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    return boto3.client(service, region_name=REGION, endpoint_url=amazon.url, **keys)


def test_what_it_makes_brings_a_report_to_the_mail(
    amazon: Ses, tmp_path: Path, name_server: Bind
) -> None:
    made, again = set_up(amazon), set_up(amazon)
    amazon.clicked.add("no-reply@desk.test")
    amazon.forwarded("POST", "/v2/email/identities", b'{"EmailIdentity": "no-reply@desk.test"}')
    settings = {
        **KEYS,
        **made["variables"],
        "AWS_ENDPOINT_URL": amazon.url,
        "LETTERHEAD_DNS_SERVERS": f"127.0.0.1:{name_server.port}",
        "LETTERHEAD_DEFAULT_ROUTE": f"ses:{REGION}",
    }
    platform = Platform(tmp_path, settings)
    hart = platform.portal("hart")
    found = hart.wait_for(hart.send(message()), "sent")
    said = event("Complaint", found["recipients"][0]["id"])
    sns = client(amazon, "sns")
    sns.publish(TopicArn=TOPIC, Message=json.dumps(said))
    eventually(lambda: hart.statuses(found["id"]) == ["complained"])
    attributes = sns.get_topic_attributes(TopicArn=TOPIC)["Attributes"]
    sns.close()
    platform.stop()

    assert platform.errors() == []
    assert {each["done"] for each in made["steps"]} == {"yes"}
    assert [each["done"] for each in again["steps"]][-2:] == ["was there"] * 2
    assert made["variables"] == again["variables"]
    assert amazon.taken[-1].request["ConfigurationSetName"] == "letterhead"
    assert amazon.reports["letterhead"]["letterhead"]["SnsDestination"] == {"TopicArn": TOPIC}
    assert json.loads(attributes["Policy"])["Statement"][0]["Condition"]["StringEquals"] == {
        "AWS:SourceAccount": ACCOUNT,
        "AWS:SourceArn": f"arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/letterhead",
    }


def test_a_dry_run_shows_all_and_makes_nothing(amazon: Ses) -> None:
    public = "https://mail.desk.test"

    found = set_up(amazon, "--dry-run", LETTERHEAD_PUBLIC_URL=public)

    words = [each["what"] for each in found["steps"]]
    [events] = [each for each in found["policy"]["Statement"] if each["Sid"] == "Events"]
    assert amazon.calls == ["GetCallerIdentity"]
    assert {each["done"] for each in found["steps"]} == {"no"}
    assert f"subscription of {public}/hooks/amazon-sns" in words
    assert "LETTERHEAD_SES_QUEUES" not in found["variables"]
    assert (events["Action"], events["Resource"]) == ("sns:ConfirmSubscription", TOPIC)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "Name the region"),
        (("--region", "mars-north-1"), "Amazon SES is not in a region 'mars-north-1'"),
        (("--region", REGION, "--no-queue"), "LETTERHEAD_PUBLIC_URL"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(amazon: Ses, options: list[str], words: str) -> None:
    found = run(amazon, *options)

    assert found.returncode != 0
    assert words in found.stderr
    assert found.stderr.count("\n") == 1
    assert amazon.calls == []


def test_keys_that_aws_does_not_take_make_nothing(amazon: Ses) -> None:
    found = run(amazon, "--region", REGION, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")

    assert found.returncode == 1
    assert "credentials" in found.stderr
    assert amazon.calls == []
