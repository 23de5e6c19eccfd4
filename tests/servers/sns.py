"""Amazon SNS as it signs: with a key of the tests' own, and its certificate over HTTPS."""

import base64
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from letterhead.mail import sns

HOST = "sns.eu-west-1.amazonaws.com"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:letterhead-events"
CERTIFICATE = f"https://{HOST}/SimpleNotificationService-0123abcd.pem"
_HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}  # as SNS has them


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and a certificate for it."""

    key: rsa.RSAPrivateKey
    pem: bytes

    def envelope(self, message: str, **changes: str) -> dict[str, str]:
        """A notification of SNS, signed; `changes` are made before that."""
        unsigned = {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Message": message,
            "Timestamp": "2026-03-01T12:00:00.000Z",
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE,
            "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe",
            **changes,
        }
        return {**unsigned, "Signature": self._signature(unsigned)}

    def _signature(self, unsigned: Mapping[str, str]) -> str:
        signed = sns.envelope({**unsigned, "Signature": ""}).signed
        made = _HASHES[unsigned["SignatureVersion"]]()
        return base64.b64encode(self.key.sign(signed, padding.PKCS1v15(), made)).decode()


def signer() -> Signer:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is of today
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return Signer(key, made.public_bytes(serialization.Encoding.PEM))


@contextmanager
def serving(pem: bytes, address: str, context: ssl.SSLContext) -> Iterator[list[str]]:
    """SNS's host on port 443 of an address; gives the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(pem)))
            self.end_headers()
            self.wfile.write(pem)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer((address, 443), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
