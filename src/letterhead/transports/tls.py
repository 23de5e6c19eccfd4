"""What became of a TLS handshake, in plain words."""

import ssl

from letterhead.errors import Unreachable
from letterhead.mail import said as sentences
from letterhead.mail.reply import Kind


def not_encrypted(error: OSError, host: str) -> Unreachable:
    """Say why there is no encrypted connection to `host`."""
    match error:
        case ssl.SSLCertVerificationError():
            return Unreachable(Kind.CERTIFICATE, _certificate(error, host))
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return Unreachable(
                Kind.CLOSED, sentences.said("The server hung up while encryption was agreed on.")
            )
        case ssl.SSLError():
            return Unreachable(
                Kind.TLS,
                sentences.said(
                    "No encryption could be agreed on: {reason}.", reason=_reason(error)
                ),
            )
        case TimeoutError():
            return Unreachable(
                Kind.TIMED_OUT, sentences.said("The server did not agree on encryption in time.")
            )
        case _:
            return Unreachable(
                Kind.CLOSED, sentences.said("The server hung up while encryption was agreed on.")
            )


def agreed(connection: ssl.SSLObject, host: str) -> str:
    """Say how a connection is encrypted."""
    return sentences.said(
        "{version}, certificate for {host}", version=connection.version(), host=host
    )


def _certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    said = sentences.said
    known = {  # by OpenSSL's X509_V_ERR_... numbers
        9: said("The server's certificate is not valid yet."),
        10: said("The server's certificate has expired."),
        18: said("The server's certificate is self-signed."),
        19: said("The server's certificate was issued by an authority that is not trusted."),
        20: said("The server's certificate was issued by an authority that is not known."),
        21: said("The server's certificate was issued by an authority that is not known."),
        62: said("The server's certificate is for another name than {host}.", host=host),
        64: said("The server's certificate is for another address than {host}.", host=host),
    }
    other = said("The server's certificate is not valid: {why}.", why=error.verify_message)
    return known.get(error.verify_code, other)


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "handshake failure").lower().replace("_", " ")
