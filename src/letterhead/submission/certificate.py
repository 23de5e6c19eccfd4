"""The certificate of our own doors: the operator's files, or one that signs itself."""

import ipaddress
import os
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from letterhead.errors import Misconfigured

log = structlog.get_logger(__name__)

_LASTS = timedelta(days=3650)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Files:
    """Where a certificate with its chain is kept, and its key; both in PEM."""

    certificate: Path
    key: Path


class Identity:
    """The TLS context of the doors; files that were renewed are read anew."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._context = _context(files)
        self._read = self._changed()

    def context(self) -> ssl.SSLContext:
        """The context for one more connection."""
        if self._changed() != self._read:
            self._read = self._changed()
            try:
                self._context = _context(self._files)
            except Misconfigured:  # half written, perhaps; the old one is still good
                log.exception("certificate not read")
        return self._context

    def _changed(self) -> tuple[int, ...]:
        try:
            return tuple(each.stat().st_mtime_ns for each in _both(self._files))
        except OSError:
            return ()


def made(folder: Path, host: str, now: datetime) -> Files:
    """The self-signed certificate of a folder; it is made when there is none, or it is too old."""
    files = Files(folder / "submission.pem", folder / "submission.key")
    if not all(each.exists() for each in _both(files)) or expires(files) < now + _DAY:
        _make(files, host, now)
    return files


def expires(files: Files) -> datetime:
    """When a certificate is not valid any more."""
    return _first(files).not_valid_after_utc


def signs_itself(files: Files) -> bool:
    found = _first(files)
    return found.issuer == found.subject


def _first(files: Files) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"The certificate {files.certificate} cannot be read.") from error


def _both(files: Files) -> tuple[Path, Path]:
    return files.certificate, files.key


def _context(files: Files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # TLS 1.2 at least
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        message = f"The certificate {files.certificate} and the key {files.key} are no pair."
        raise Misconfigured(message) from error
    return context


def _make(files: Files, host: str, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    _write(
        files.key,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    made = _self_signed(key, host, now)
    _write(files.certificate, made.public_bytes(serialization.Encoding.PEM))


def _self_signed(key: ec.EllipticCurvePrivateKey, host: str, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _LASTS)
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def _names(host: str) -> list[x509.GeneralName]:
    loopback = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    try:
        own: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        own = x509.DNSName(host)
    names = [own, x509.DNSName("localhost"), *map(x509.IPAddress, loopback)]
    return list(dict.fromkeys(names))


def _write(path: Path, octets: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(octets)
