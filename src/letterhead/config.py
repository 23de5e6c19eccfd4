"""The settings of this process, from its environment, read once."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from letterhead import egress, failpoints
from letterhead.errors import Misconfigured
from letterhead.failpoints import Failpoint
from letterhead.mail import address, ses, sns
from letterhead.mail.limits import WINDOW, Limits
from letterhead.mail.notice import Texts
from letterhead.mail.registration import Registration
from letterhead.mail.secret import Secret
from letterhead.mail.server import Encryption, Server
from letterhead.mail.ses import SesRoute

T = TypeVar("T")

KEY_LENGTH = 20  # characters of a key that the operator chose

_SITE = re.compile(r"https?://(?:\*\.)?[a-z0-9][a-z0-9.-]*(?::\d{1,5})?")

DAYS_LIMIT = 36_500
TEXT_LIMIT = 1_000
_CONNECTIONS = 8  # of the platform's route, at once, where nothing else is said
_LIMIT = 10_000_000

_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")

_ROUTES = {
    "smtp": (Encryption.STARTTLS, 587),
    "smtps": (Encryption.TLS, 465),
    "smtp+plain": (Encryption.NONE, 25),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the operator set; a variable's meaning stands in `docs/reference/configuration.md`."""

    data_dir: Path
    database_url: str
    secret_keys: tuple[Secret, ...]  # of the environment; empty: they are in the file
    secret_keys_file: Path
    listen: tuple[str, int]
    trusted_proxies: tuple[str, ...]  # whose X-Forwarded-For and -Proto are believed
    frame_ancestors: tuple[str, ...]
    identity: Registration | None  # of people who sign in elsewhere
    public_url: str
    submission_listen: tuple[str, int] | None  # None: off
    submission_chosen: bool  # whether the operator said so
    submissions_listen: tuple[str, int] | None  # TLS from the first byte
    tls: tuple[Path, Path] | None  # certificate and key of our doors; None: we make them
    default_route: Server | SesRoute | None  # None keeps mail in `captured/` of the data folder
    default_limits: Limits  # what the platform's route allows
    default_from: str
    ses_configuration_set: str  # that the operator's AWS account sends with; empty: none
    ses_topics: tuple[str, ...]  # ARNs of SNS whose events are taken
    ses_queues: tuple[tuple[str, str], ...]  # of SQS, by region and name, that are polled
    platform_name: str
    texts: Texts
    redirect_all_to: str  # empty: every mail goes to whom it is for
    sending_addresses: tuple[str, ...]
    dns_servers: tuple[tuple[str, int], ...]
    dns_roots: tuple[tuple[str, int], ...] | None  # None: those of the Internet
    allowed: tuple[egress.Allowed, ...]
    ca_file: Path | None
    bootstrap_key: Secret | None
    keep_bodies: timedelta | None  # None: for ever
    keep_messages: timedelta | None
    keep_captured: timedelta | None
    failpoint: Failpoint | None  # for tests


def read(environment: Mapping[str, str] | None = None) -> Config:
    """Read `LETTERHEAD_...`; Misconfigured names the variable that is not right."""
    given = os.environ if environment is None else environment  # noqa: TID251 - here it is read
    data_dir = Path(given.get("LETTERHEAD_DATA_DIR") or "var").absolute()
    listen = _variable(given, "LETTERHEAD_LISTEN", "127.0.0.1:8025", _endpoint)
    default_route = _variable(given, "LETTERHEAD_DEFAULT_ROUTE", "capture:", _route)
    tls = _tls(given)
    at = _address_of(listen, "https" if tls else "http")
    return Config(
        data_dir=data_dir,
        database_url=_variable(given, "LETTERHEAD_DATABASE_URL", "", _database(data_dir)),
        secret_keys=_secret_keys(given),
        secret_keys_file=_file(given, "LETTERHEAD_SECRET_KEYS_FILE") or data_dir / "secret.key",
        listen=listen,
        submission_listen=_door(given, "LETTERHEAD_SUBMISSION_LISTEN", "127.0.0.1:8587"),
        submission_chosen="LETTERHEAD_SUBMISSION_LISTEN" in given,
        submissions_listen=_door(given, "LETTERHEAD_SUBMISSIONS_LISTEN", ""),
        tls=tls,
        trusted_proxies=_variable(given, "LETTERHEAD_TRUSTED_PROXIES", "", _addresses),
        frame_ancestors=_variable(given, "LETTERHEAD_FRAME_ANCESTORS", "", _sites),
        identity=_identity(given),
        public_url=_variable(given, "LETTERHEAD_PUBLIC_URL", at, _public_url),
        default_route=default_route[0],
        default_limits=default_route[1],
        default_from=_variable(
            given, "LETTERHEAD_DEFAULT_FROM", "no-reply@letterhead.localhost", address.address
        ),
        ses_configuration_set=_variable(
            given, "LETTERHEAD_SES_CONFIGURATION_SET", "", _configuration_set
        ),
        ses_topics=_variable(given, "LETTERHEAD_SES_TOPICS", "", _each(sns.topic)),
        ses_queues=_variable(given, "LETTERHEAD_SES_QUEUES", "", _each(sns.queue)),
        platform_name=_variable(given, "LETTERHEAD_PLATFORM_NAME", "Letterhead", _name),
        texts=Texts(
            advice=_variable(given, "LETTERHEAD_ADVICE", "", _text),
            support=_variable(given, "LETTERHEAD_SUPPORT", "", _text),
            disclaimer=_variable(given, "LETTERHEAD_DISCLAIMER", "", _text),
        ),
        redirect_all_to=_variable(given, "LETTERHEAD_REDIRECT_ALL_TO", "", _address_or_none),
        sending_addresses=_variable(given, "LETTERHEAD_SENDING_ADDRESSES", "", _addresses),
        dns_servers=_variable(given, "LETTERHEAD_DNS_SERVERS", "", _dns_servers),
        dns_roots=_variable(given, "LETTERHEAD_DNS_ROOTS", "", _dns_servers) or None,
        allowed=_variable(given, "LETTERHEAD_ALLOW_DESTINATIONS", "", egress.allowed),
        ca_file=_file(given, "LETTERHEAD_CA_FILE"),
        bootstrap_key=_variable(given, "LETTERHEAD_BOOTSTRAP_PLATFORM_KEY", "", _bootstrap_key),
        keep_bodies=_variable(given, "LETTERHEAD_KEEP_BODIES", "7", _days),
        keep_messages=_variable(given, "LETTERHEAD_KEEP_MESSAGES", "90", _days),
        keep_captured=_variable(given, "LETTERHEAD_KEEP_CAPTURED", "30", _days),
        failpoint=_variable(given, "LETTERHEAD_FAILPOINT", "", failpoints.read),
    )


def _variable(given: Mapping[str, str], name: str, default: str, reader: Callable[[str], T]) -> T:
    try:
        return reader((given.get(name) or default).strip())
    except ValueError as error:
        raise Misconfigured(f"{name}: {error}") from error


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) >= 1 << 16:
        raise ValueError(f"{text!r} is not of the form address:port.")
    return host.strip("[]"), int(port)


def _door(given: Mapping[str, str], name: str, default: str) -> tuple[str, int] | None:
    """Where a door listens that can be closed: by an empty value."""
    return _variable({name: given.get(name, default)}, name, "", _endpoint_or_none)


def _endpoint_or_none(text: str) -> tuple[str, int] | None:
    return _endpoint(text) if text else None


def _tls(given: Mapping[str, str]) -> tuple[Path, Path] | None:
    found = _file(given, "LETTERHEAD_TLS_CERT_FILE")
    key = _file(given, "LETTERHEAD_TLS_KEY_FILE")
    if found and key:
        return found, key
    if found or key:
        missing = "LETTERHEAD_TLS_KEY_FILE" if found else "LETTERHEAD_TLS_CERT_FILE"
        raise Misconfigured(f"{missing}: a certificate and its key go together.")
    return None


def _address_of(listen: tuple[str, int], scheme: str) -> str:
    host, port = listen
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _database(data_dir: Path) -> Callable[[str], str]:
    def read_url(text: str) -> str:
        if not text:
            return f"sqlite:///{data_dir / 'letterhead.db'}"
        if text.startswith(("sqlite:///", "postgresql://")):
            return text
        raise ValueError("say postgresql://user:password@host/database, or sqlite:///PATH.")

    return read_url


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not an address like https://mail.example.com.")
    if not text.isascii():
        raise ValueError(f"{text!r} is not ASCII: write the host in its xn-- form.")
    return text.rstrip("/")


def _configuration_set(text: str) -> str:
    if text and not _SET.fullmatch(text):
        raise ValueError("a configuration set has up to 64 letters, digits, dashes, underscores.")
    return text


def _identity(given: Mapping[str, str]) -> Registration | None:
    """Read how we are known to an identity provider: all of it, or nothing."""
    secret = _secret(given, "LETTERHEAD_OIDC_CLIENT_SECRET", "LETTERHEAD_OIDC_CLIENT_SECRET_FILE")
    needed = {
        "LETTERHEAD_OIDC_ISSUER": _variable(given, "LETTERHEAD_OIDC_ISSUER", "", _issuer),
        "LETTERHEAD_OIDC_CLIENT_ID": given.get("LETTERHEAD_OIDC_CLIENT_ID", ""),
        "LETTERHEAD_OIDC_CLIENT_SECRET": secret,
    }
    missing = [name for name, value in needed.items() if not value]
    if len(missing) == len(needed):
        return None
    if missing:
        raise Misconfigured(f"{missing[0]}: sign-in by OpenID Connect needs it, too.")
    issuer, client_id, _ = needed.values()
    name = _variable(given, "LETTERHEAD_OIDC_NAME", urlsplit(issuer).netloc, _name)
    return Registration(issuer=issuer, client_id=client_id, client_secret=Secret(secret), name=name)


def _secret(given: Mapping[str, str], name: str, file_name: str) -> str:
    """Read a secret from the environment, or from a file that the environment names."""
    file = _file(given, file_name)
    return file.read_text("utf-8").strip() if file else given.get(name, "")


def _issuer(text: str) -> str:
    parts = urlsplit(text)
    is_safe = parts.scheme == "https" or (
        parts.scheme == "http" and _is_loopback(parts.hostname or "")
    )
    if text and (not is_safe or not parts.hostname or parts.query or parts.fragment):
        raise ValueError(f"{text!r} is not an address like https://login.example.com.")
    return text


def _sites(text: str) -> tuple[str, ...]:
    """Read sites as Content-Security-Policy writes them (CSP Level 3, section 2.3.1)."""
    found = tuple(text.replace(",", " ").split())
    for each in found:
        if not _SITE.fullmatch(each):
            raise ValueError(f"{each!r} is not a site like https://app.example.com.")
    return found


def _each(reader: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Read a list, its parts divided by commas."""
    return lambda text: tuple(reader(each.strip()) for each in text.split(",") if each.strip())


def _route(text: str) -> tuple[Server | SesRoute | None, Limits]:
    """Read the platform's own route and what it allows; `capture:` gives no server."""
    if text == "capture:":
        return None, Limits(connections=_CONNECTIONS)
    if text.startswith("ses:"):
        return SesRoute(ses.region(text.removeprefix("ses:"))), Limits(connections=_CONNECTIONS)
    parts = urlsplit(text)
    if parts.scheme not in _ROUTES or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError(
            "say capture:, smtp://user:password@host:587, smtps://..., smtp+plain://... or"
            " ses:REGION."
        )
    encryption, port = _ROUTES[parts.scheme]
    limits = _limits(parts.query)
    server = Server(
        host=parts.hostname,
        port=parts.port or port,
        encryption=encryption,
        login=unquote(parts.username or ""),
        password=Secret(unquote(parts.password)) if parts.password else None,
        trusted=True,
        connections=limits.connections,
        window=limits.window,
    )
    return _route_server(server), limits


def _limits(query: str) -> Limits:
    """Read `connections=20&per_minute=600&per_day=50000&window=4`, each if it is there."""
    try:
        found = {name: int(value) for name, value in parse_qsl(query, strict_parsing=bool(query))}
    except ValueError:
        found = {"": 0}
    unknown = found.keys() - {"connections", "per_minute", "per_day", "window"}
    if unknown or not all(0 < each <= _LIMIT for each in found.values()):
        raise ValueError(
            "say ?connections=N&per_minute=N&per_day=N&window=N, each a number, or none."
        )
    if found.get("window", 1) > WINDOW:
        raise ValueError(f"window is a number from 1 to {WINDOW}.")
    return Limits(**{"connections": _CONNECTIONS, **found})


def _route_server(server: Server) -> Server:
    if bool(server.login) != bool(server.password):
        raise ValueError("a login needs a password, and a password a login.")
    if server.encryption is Encryption.NONE and (server.login or not _is_loopback(server.host)):
        raise ValueError("smtp+plain:// is for this machine (loopback) and without a login only.")
    return server


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _name(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds characters that cannot be shown.")
    return text


def _text(text: str) -> str:
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"it has more than {TEXT_LIMIT} characters.")
    return _name(text)


def _address_or_none(text: str) -> str:
    return address.address(text) if text else ""


def _addresses(text: str) -> tuple[str, ...]:
    found = (each.strip() for each in text.split(",") if each.strip())
    return tuple(map(_network, found))


def _network(text: str) -> str:
    found = ipaddress.ip_network(text)
    return str(found.network_address) if found.num_addresses == 1 else str(found)


def _dns_servers(text: str) -> tuple[tuple[str, int], ...]:
    return tuple(_dns_server(each.strip()) for each in text.split(",") if each.strip())


def _dns_server(text: str) -> tuple[str, int]:
    host, port = _endpoint(text if ":" in text and not text.endswith("]") else f"{text}:53")
    return str(ipaddress.ip_address(host)), port


def _bootstrap_key(text: str) -> Secret | None:
    if text and (
        len(text) < KEY_LENGTH or not text.isascii() or not text.isprintable() or " " in text
    ):
        raise ValueError(f"a key has at least {KEY_LENGTH} visible ASCII characters.")
    return Secret(text) if text else None


def _days(text: str) -> timedelta | None:
    if not text.isdecimal() or int(text) > DAYS_LIMIT:
        raise ValueError(f"{text!r} is no number of days; 0 keeps for ever.")
    return timedelta(days=int(text)) or None


def _file(given: Mapping[str, str], name: str) -> Path | None:
    text = given.get(name)
    if text and not Path(text).is_file():
        raise Misconfigured(f"{name}: there is no file {text!r}.")
    return Path(text) if text else None


def _secret_keys(given: Mapping[str, str]) -> tuple[Secret, ...]:
    """The key ring, newest first, unless a file holds it."""
    if given.get("LETTERHEAD_SECRET_KEYS_FILE"):
        return ()
    text = given.get("LETTERHEAD_SECRET_KEYS", "")
    return tuple(Secret(each) for each in text.replace(",", " ").split())
