"""What Amazon SNS sends is believed only by a certificate of its own."""

from collections.abc import Mapping

import pytest

from letterhead.mail import sns
from tests.bad_inputs import Row, rows

OWN = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"


def found(certificate: str) -> Mapping[str, str]:
    """A notification that says where its certificate is."""
    return {
        "Type": "Notification",
        "MessageId": "1",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:letterhead",
        "Message": "{}",
        "Timestamp": "2026-03-01T12:00:00.000Z",
        "Signature": "AAAA",
        "SignatureVersion": "2",
        "SigningCertURL": certificate,
    }


def test_a_certificate_of_sns_is_taken() -> None:
    assert sns.is_of_aws(sns.envelope(found(OWN)))


@pytest.mark.parametrize("row", rows("url"), ids=str)
def test_certificates_of_the_table_are_refused(row: Row) -> None:
    assert not sns.is_of_aws(sns.envelope(found(row.text)))
