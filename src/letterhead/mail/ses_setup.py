"""What must be there in an AWS account so that SES reports, and who may do what in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_KEPT = 14 * 24 * 3600  # seconds that a queue keeps what nobody takes; SQS keeps nothing longer
_EVENTS = ("DELIVERY", "BOUNCE", "COMPLAINT", "DELIVERY_DELAY", "REJECT")

Policy = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted, and where; without an `endpoint` reports wait in a queue."""

    partition: str  # aws, aws-cn, aws-us-gov
    region: str
    account: str
    configuration_set: str
    endpoint: str = ""  # of ours, over HTTPS

    @property
    def name(self) -> str:
        """Of the topic, and of the queue."""
        return f"{self.configuration_set}-events"

    @property
    def topic(self) -> str:
        return self.arn("sns", self.name)

    @property
    def queue(self) -> str:
        return "" if self.endpoint else self.arn("sqs", self.name)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def variables(self) -> Mapping[str, str]:
        """What this service is to be started with."""
        found = {
            "LETTERHEAD_SES_CONFIGURATION_SET": self.configuration_set,
            "LETTERHEAD_SES_TOPICS": self.topic,
            "LETTERHEAD_SES_QUEUES": self.queue,
        }
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Step:
    """One call of AWS, which may be made again; `instead` is for what is there already."""

    words: str
    service: str
    operation: str
    parameters: Mapping[str, Any]
    instead: tuple[str, Mapping[str, Any]] | None = None


def plan(wanted: Wanted) -> Sequence[Step]:
    """Everything that is to be made, in its order."""
    ends = _over_https(wanted) if wanted.endpoint else _by_queue(wanted)
    return [*_topic(wanted), *ends, _configuration_set(wanted), _destination(wanted)]


def _topic(wanted: Wanted) -> Sequence[Step]:
    name, topic = wanted.name, {"TopicArn": wanted.topic}
    policy = {"AttributeName": "Policy", "AttributeValue": json.dumps(_may_publish(wanted))}
    # Else SNS signs with SHA-1.
    version = {"AttributeName": "SignatureVersion", "AttributeValue": "2"}
    change = "set_topic_attributes"
    return [
        Step(f"topic {name}", "sns", "create_topic", {"Name": name}),
        Step("the topic takes events of SES alone", "sns", change, {**topic, **policy}),
        Step("the topic is signed by SHA-256", "sns", change, {**topic, **version}),
    ]


def _by_queue(wanted: Wanted) -> Sequence[Step]:
    attributes = {
        "MessageRetentionPeriod": str(_KEPT),
        "Policy": json.dumps(_may_fill(wanted)),
    }
    made = {"QueueName": wanted.name, "Attributes": attributes}
    return [
        Step(f"queue {wanted.name}", "sqs", "create_queue", made),
        _subscription(wanted, "sqs", wanted.queue),
    ]


def _over_https(wanted: Wanted) -> Sequence[Step]:
    return [_subscription(wanted, "https", wanted.endpoint)]


def _subscription(wanted: Wanted, protocol: str, endpoint: str) -> Step:
    asked = {"TopicArn": wanted.topic, "Protocol": protocol, "Endpoint": endpoint}
    return Step(f"subscription of {endpoint}", "sns", "subscribe", asked)


def _configuration_set(wanted: Wanted) -> Step:
    """Each portal has suppressions of its own; the account's would be those of all portals."""
    name = {"ConfigurationSetName": wanted.configuration_set}
    nobody: Mapping[str, Any] = {"SuppressedReasons": []}
    made = {**name, "SuppressionOptions": nobody}
    again = ("put_configuration_set_suppression_options", {**name, **nobody})
    words = f"configuration set {wanted.configuration_set}, without the account's suppressions"
    return Step(words, "sesv2", "create_configuration_set", made, again)


def _destination(wanted: Wanted) -> Step:
    destination = {
        "ConfigurationSetName": wanted.configuration_set,
        "EventDestinationName": "letterhead",
        "EventDestination": {
            "Enabled": True,
            "MatchingEventTypes": list(_EVENTS),
            "SnsDestination": {"TopicArn": wanted.topic},
        },
    }
    operation = "configuration_set_event_destination"
    words = f"events of SES go to the topic: {', '.join(_EVENTS).lower().replace('_', ' ')}"
    return Step(
        words, "sesv2", f"create_{operation}", destination, (f"update_{operation}", destination)
    )


def _may_publish(wanted: Wanted) -> Policy:
    """SES of this account, for this configuration set, and nobody else."""
    sets = wanted.arn("ses", f"configuration-set/{wanted.configuration_set}")
    only = {"StringEquals": {"AWS:SourceAccount": wanted.account, "AWS:SourceArn": sets}}
    principal = {"Service": "ses.amazonaws.com"}
    return _policy(_allow("sns:Publish", wanted.topic, Principal=principal, Condition=only))


def _may_fill(wanted: Wanted) -> Policy:
    """Our topic, and nobody else."""
    only = {"ArnEquals": {"aws:SourceArn": wanted.topic}}
    principal = {"Service": "sns.amazonaws.com"}
    return _policy(_allow("sqs:SendMessage", wanted.queue, Principal=principal, Condition=only))


_SEND = ("ses:SendEmail", "ses:SendRawEmail")
_IDENTITIES = (
    "ses:CreateEmailIdentity",
    "ses:TagResource",
    "ses:GetEmailIdentity",
    "ses:DeleteEmailIdentity",
    "ses:PutEmailIdentityMailFromAttributes",
    "ses:PutEmailIdentityDkimSigningAttributes",
    "ses:CreateTenant",
    "ses:GetTenant",
    "ses:CreateTenantResourceAssociation",
)
_POLL = ("sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage")


def permissions(wanted: Wanted) -> Policy:
    """What this service must be allowed while it runs, and nothing more."""
    roles = f"arn:{wanted.partition}:iam::*:role/letterhead*"
    listens = (
        _allow("sns:ConfirmSubscription", wanted.topic, Sid="Events")
        if wanted.endpoint
        else _allow(list(_POLL), wanted.queue, Sid="Events")
    )
    return _policy(
        _allow(list(_SEND), "*", Sid="Send"),
        _allow("ses:GetAccount", "*", Sid="Quota"),
        _allow(list(_IDENTITIES), "*", Sid="IdentitiesOfPortals"),
        listens,
        _allow("sts:AssumeRole", roles, Sid="RolesOfFirms"),
    )


def _policy(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(action: object, resource: str, **more: object) -> Policy:
    return {**more, "Effect": "Allow", "Action": action, "Resource": resource}
