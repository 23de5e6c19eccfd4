"""What became of a TLS handshake, in plain words."""

import ssl

from letterhead.errors import Unreachable
from letterhead.mail.reply import Kind

# OpenSSL's X509_V_ERR_... numbers.
_CERTIFICATE = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "was issued by an authority that is not trusted",
    20: "was issued by an authority that is not known",
    21: "was issued by an authority that is not known",
    62: "is for another name than {host}",
    64: "is for another address than {host}",
}


def not_encrypted(error: OSError, host: str) -> Unreachable:
    """Say why there is no encrypted connection to `host`."""
    match error:
        case ssl.SSLCertVerificationError():
            return Unreachable(Kind.CERTIFICATE, _certificate(error, host))
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return Unreachable(Kind.CLOSED, "The server hung up while encryption was agreed on.")
        case ssl.SSLError():
            return Unreachable(Kind.TLS, f"No encryption could be agreed on: {_reason(error)}.")
        case TimeoutError():
            return Unreachable(Kind.TIMED_OUT, "The server did not agree on encryption in time.")
        case _:
            return Unreachable(Kind.CLOSED, "The server hung up while encryption was agreed on.")


def agreed(connection: ssl.SSLObject, host: str) -> str:
    """Say how a connection is encrypted."""
    return f"{connection.version()}, certificate for {host}"


def _certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    fallback = f"is not valid: {error.verify_message}"
    how = _CERTIFICATE.get(error.verify_code, fallback).format(host=host)
    return f"The server's certificate {how}."


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "handshake failure").lower().replace("_", " ")
