"""Amazon SNS: whether it has signed what came, and confirming a subscription."""

import asyncio
from importlib import import_module
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from letterhead.errors import Forbidden, Unavailable, Unreachable
from letterhead.mail.ses import Access
from letterhead.mail.sns import Envelope, is_of_aws
from letterhead.transports.aws import SNS, Aws
from letterhead.transports.session import Declined

_LIBRARY = "letterhead.transports.aws_fetch"
_KEPT = 16  # certificates: SNS has one a region, and renews it now and then
_REFUSED = "The signature is not that of Amazon SNS."

# SHA-1 is what SNS signs with unless the topic says otherwise; `aws setup` says so.
_HASHES: dict[str, type[HashAlgorithm]] = {"1": SHA1, "2": SHA256}


class Sns:
    """Speaks to SNS; certificates that it has fetched are kept."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._certificates: dict[str, bytes] = {}

    async def demand_signature(self, envelope: Envelope) -> None:
        """Forbidden unless SNS itself has signed it; Unavailable if that cannot be found out."""
        if not is_of_aws(envelope) or envelope.version not in _HASHES:
            raise Forbidden(_REFUSED)
        try:
            certificate = x509.load_pem_x509_certificate(await self._fetched(envelope.certificate))
            _verify(certificate, envelope)
        except (InvalidSignature, ValueError) as error:
            raise Forbidden(_REFUSED) from error

    async def confirm(self, envelope: Envelope) -> None:
        """Confirm by SNS's own API: no address that came from outside is asked."""
        asked = {"TopicArn": envelope.topic, "Token": envelope.token}
        try:
            client = await self._aws.client(SNS, Access(envelope.region))
            try:
                await client.call("confirm_subscription", asked)
            finally:
                await client.close()
        except Declined as declined:
            raise Unavailable("AWS did not confirm the subscription.") from declined

    async def _fetched(self, url: str) -> bytes:
        """The certificate at a host of AWS."""
        if url not in self._certificates:
            library = await asyncio.to_thread(import_module, _LIBRARY)
            try:
                found: bytes = await library.fetched(url, self._aws.egress, self._aws.tls)
            except Unreachable as error:
                raise Unavailable("The certificate of Amazon SNS cannot be fetched.") from error
            while len(self._certificates) >= _KEPT:
                del self._certificates[next(iter(self._certificates))]
            self._certificates[url] = found
        return self._certificates[url]


def _verify(certificate: x509.Certificate, envelope: Envelope) -> None:
    key: Any = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise InvalidSignature
    key.verify(envelope.signature, envelope.signed, PKCS1v15(), _HASHES[envelope.version]())
