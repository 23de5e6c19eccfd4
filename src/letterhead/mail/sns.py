"""
What Amazon SNS sends: an envelope with its signature, and which parts of it are signed.

As AWS documents it in "Verifying the signatures of Amazon SNS messages".
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

LIMIT = 256 * 1024  # octets; SNS itself takes no more

_TOPIC = re.compile(r"arn:aws[a-z-]{0,20}:sns:([a-z0-9-]{3,40}):[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_QUEUE = re.compile(r"arn:aws[a-z-]{0,20}:sqs:([a-z0-9-]{3,40}):[0-9]{12}:([A-Za-z0-9_-]{1,80})")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{1,64}\.pem")
_OF_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_OF_SUBSCRIPTION = (
    *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
)


class Kind(StrEnum):
    """Why SNS writes."""

    NOTIFICATION = "Notification"
    CONFIRM = "SubscriptionConfirmation"
    GONE = "UnsubscribeConfirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One message of SNS."""

    kind: Kind
    topic: str
    message: str
    token: str  # confirms a subscription
    signed: bytes  # what the signature is of
    signature: bytes
    version: str  # of the signature: 1 is by SHA-1, 2 by SHA-256
    certificate: str  # where the certificate of the signer is

    @property
    def region(self) -> str:
        return region_of(self.topic)


def topic(text: str) -> str:
    """Read the ARN of a topic; ValueError if it is none."""
    if not _TOPIC.fullmatch(text):
        raise ValueError(f"{text!r} is no topic such as arn:aws:sns:eu-west-1:123456789012:name.")
    return text


def queue(text: str) -> tuple[str, str]:
    """Read the ARN of a queue of SQS: its region and name; ValueError if it is none."""
    found = _QUEUE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no queue such as arn:aws:sqs:eu-west-1:123456789012:name.")
    return found[1], found[2]


def region_of(of_topic: str) -> str:
    """The region that a topic is in."""
    return topic(of_topic).split(":")[3]


def read(raw: bytes) -> Envelope:
    """Read what came; ValueError if it is nothing that SNS sends."""
    try:
        return envelope(json.loads(raw))
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("this is no message of Amazon SNS") from error


def envelope(found: Mapping[str, Any]) -> Envelope:
    """The envelope that JSON holds; see `read`."""
    kind = Kind(found["Type"])
    names = _OF_NOTIFICATION if kind is Kind.NOTIFICATION else _OF_SUBSCRIPTION
    parts = [(name, str(found[name])) for name in names if name != "Subject" or found.get(name)]
    return Envelope(
        kind=kind,
        topic=topic(str(found["TopicArn"])),
        message=str(found["Message"]),
        token=str(found.get("Token", "")),
        signed="".join(f"{name}\n{value}\n" for name, value in parts).encode(),
        signature=base64.b64decode(str(found["Signature"]), validate=True),
        version=str(found["SignatureVersion"]),
        certificate=str(found["SigningCertURL"]),
    )


def is_of_aws(found: Envelope) -> bool:
    """
    Whether the certificate is on SNS's own host, in the region of the topic.

    Anybody can sign with a certificate of their own, and say where that is.
    """
    where = urlsplit(found.certificate)
    ends = ".amazonaws.com.cn" if found.region.startswith("cn-") else ".amazonaws.com"
    return (
        where.scheme == "https"
        and where.netloc == f"sns.{found.region}{ends}"
        and bool(_CERTIFICATE.fullmatch(where.path))
        and not where.query
        and not where.fragment
    )
