"""What is made in an AWS account is for SES and this service alone."""

import json
from dataclasses import replace

from letterhead.mail.ses_setup import Wanted, permissions, plan

QUEUED = Wanted(
    partition="aws", region="eu-west-1", account="123456789012", configuration_set="letterhead"
)
OVER_HTTPS = replace(QUEUED, endpoint="https://mail.desk.test/hooks/amazon-sns")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:letterhead-events"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:letterhead-events"


def test_sns_signs_by_sha_256() -> None:
    attributes = [each.parameters for each in plan(OVER_HTTPS)]

    wanted = {"TopicArn": TOPIC, "AttributeName": "SignatureVersion", "AttributeValue": "2"}
    assert wanted in attributes


def test_only_the_topic_fills_the_queue() -> None:
    [made] = [each for each in plan(QUEUED) if each.operation == "create_queue"]

    [statement] = json.loads(made.parameters["Attributes"]["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": TOPIC}}
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", QUEUE)


def test_the_suppressions_of_the_account_are_not_those_of_all_portals() -> None:
    [made] = [each for each in plan(QUEUED) if each.operation == "create_configuration_set"]

    assert made.parameters["SuppressionOptions"] == {"SuppressedReasons": []}


def test_the_service_is_allowed_what_it_needs_and_no_set_up() -> None:
    for wanted in (QUEUED, OVER_HTTPS):
        text = json.dumps(permissions(wanted))

        assert '"ses:SendEmail"' in text
        assert not any(each in text for each in ("ses:*", "sns:CreateTopic", "sqs:CreateQueue"))
    assert QUEUE in json.dumps(permissions(QUEUED))
    assert QUEUE not in json.dumps(permissions(OVER_HTTPS))
