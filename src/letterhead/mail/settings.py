"""The Email Settings form: its fields, and the rules that a draft must keep to be saved."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from letterhead.errors import Problem
from letterhead.mail import address, header
from letterhead.mail.form import (
    CONTROL,
    Findings,
    SenderFields,
    secret_problems,
    sender_fields,
)
from letterhead.mail.limits import WINDOW, Limits
from letterhead.mail.providers import PROVIDERS, RELAY_SUFFIXES
from letterhead.mail.said import said
from letterhead.mail.secret import Secret
from letterhead.mail.server import Encryption

SES = "amazon_ses"  # in the drop-down of providers, and in the catalogue of faults
SES_CONNECTIONS = 16  # at once: enough for 100 mails a second
RELAY_PORT = 25
TLS_PORTS = frozenset({465, 2465})  # TLS from the first byte; the others start in the clear
PORTS = frozenset({25, 465, 587, 2465, 2525, 2587})
PRESET_PORTS = frozenset(port for each in PROVIDERS.values() for port in each.ports)
# Of other services. Where the operator opens a network on every port, these stay closed.
FOREIGN_PORTS = frozenset({22, 23, 53, 80, 443, 3306, 5432, 6379, 8080, 9200, 11211, 27017})
LOGIN_LIMIT = 320

_GOOGLE = frozenset({"gmail", "google_relay"})
_APP_PASSWORD = re.compile(r"[a-z]{4}( [a-z]{4}){3}", re.IGNORECASE)


def tls_ports(provider: str) -> frozenset[int]:
    """The ports that are encrypted from the first byte: everywhere, and at a provider."""
    found = PROVIDERS.get(provider)
    own = found.ports.items() if found else ()
    return TLS_PORTS | {port for port, security in own if security == "tls"}


class Type(StrEnum):
    """Which way a portal's mail leaves."""

    DEFAULT = "default"
    SES = "ses"
    SMTP = "smtp"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultSettings:
    """The platform sends, in the portal's name."""

    from_name: str = ""
    reply_to: str = ""
    copy_to: str = ""

    @property
    def type(self) -> Type:
        return Type.DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """The portal's own mail server sends; of the password it only says whether there is one."""

    provider: str = "other"
    server: str = ""
    port: int = 587
    login: str = ""
    password_set: bool = False
    from_name: str = ""
    from_address: str = ""
    copy_to: str = ""
    allow_ssl: bool = True
    window: int = 1  # messages under way at once over each connection, where the server can

    @property
    def type(self) -> Type:
        return Type.SMTP

    @property
    def is_relay(self) -> bool:
        """Whether the server is one that trusts addresses; compared on a label boundary."""
        return self.server.endswith(RELAY_SUFFIXES)

    def is_own_relay(self, mx: Iterable[str]) -> bool:
        """Whether the relay is the From domain's: one of its MX, or named after it."""
        dashed = self.from_domain.replace(".", "-")
        return self.is_relay and (self.server in mx or self.server.startswith(f"{dashed}."))

    @property
    def own_relay(self) -> str:
        """How Microsoft mostly names the relay of the From domain."""
        return self.from_domain.replace(".", "-") + RELAY_SUFFIXES[0]

    @property
    def needs_proof(self) -> bool:
        """A relay without a login trusts us: only who owns the domain may send by it."""
        return self.is_relay and not self.login

    @property
    def from_domain(self) -> str:
        return self.from_address.rpartition("@")[2]

    @property
    def requires_spf(self) -> bool:
        """Whether the From domain's SPF record must let the provider send."""
        return PROVIDERS[self.provider].gates(self.from_domain)

    @property
    def limits(self) -> Limits:
        """What the provider allows, and how much is under way at once."""
        return replace(PROVIDERS[self.provider].limits, window=self.window)

    @property
    def encryption(self) -> Encryption:
        """Ticked means encrypted or nothing; the port says from when on."""
        if not self.allow_ssl:
            return Encryption.NONE
        return Encryption.TLS if self.port in tls_ports(self.provider) else Encryption.STARTTLS

    @property
    def destination(self) -> tuple[str, int, str, str]:
        """Where a stored password may travel: server, port, encryption, login."""
        return self.server, self.port, self.encryption.value, self.login

    @property
    def proof(self) -> tuple[object, ...]:
        """What a test proves; a change of any of it voids the test (the password counts too)."""
        return self.provider, *self.destination, self.from_address


class Account(StrEnum):
    """Whose AWS account sends."""

    OPERATOR = "operator"  # shared by portals: each must prove that the From domain is its own
    ROLE = "role"  # the portal's, by a role that we may assume
    KEYS = "keys"  # the portal's, by access keys


class Verifies(StrEnum):
    """What Amazon SES verifies."""

    DOMAIN = "domain"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True, kw_only=True)
class SesSettings:
    """Amazon SES sends; of the secret access key it only says whether there is one."""

    region: str = ""
    from_name: str = ""
    from_address: str = ""
    copy_to: str = ""
    identity: str = Verifies.DOMAIN.value
    mail_from: str = ""  # the domain of the envelope's sender, below that of From; empty: SES's
    account: str = Account.OPERATOR.value
    role_arn: str = ""
    external_id: str = ""  # ours: what the role must demand of who assumes it
    access_key_id: str = ""
    secret_access_key_set: bool = False

    @property
    def type(self) -> Type:
        return Type.SES

    @property
    def provider(self) -> str:
        return SES

    @property
    def password_set(self) -> bool:
        """Whether a secret is stored with these settings."""
        return self.secret_access_key_set

    @property
    def needs_proof(self) -> bool:
        """In an account that portals share, only who owns the domain may send as it."""
        return self.account == Account.OPERATOR

    @property
    def from_domain(self) -> str:
        return self.from_address.rpartition("@")[2]

    @property
    def limits(self) -> Limits:
        """SES limits an account, and not a connection: the way out follows its rate."""
        return Limits(connections=SES_CONNECTIONS)

    @property
    def identity_name(self) -> str:
        """What SES verifies: a domain, or one address."""
        return self.from_domain if self.identity == Verifies.DOMAIN else self.from_address

    @property
    def payer(self) -> str:
        """Which account it is, in one word: the operator's, a role, or a key."""
        return self.role_arn or self.access_key_id or Account.OPERATOR.value

    @property
    def destination(self) -> tuple[str, str, str]:
        """Where a stored secret access key may travel: AWS, region, key id."""
        return "aws", self.region, self.access_key_id

    @property
    def proof(self) -> tuple[object, ...]:
        """What a test proves; a change of any of it voids the test (the secret counts too)."""
        return self.region, self.payer, self.identity, self.from_address


Settings = DefaultSettings | SesSettings | SmtpSettings
OwnSettings = SesSettings | SmtpSettings  # the portal has a way out of its own


def gates_dns(settings: Settings | None) -> bool:
    """Whether the DNS of the From domain must be right; SES sends as nothing unverified."""
    match settings:
        case SesSettings():
            return True
        case SmtpSettings():
            return settings.requires_spf
        case _:
            return False


def advice(settings: Settings) -> list[str]:
    """What to know before the test: rules of the provider that these settings may meet."""
    if not isinstance(settings, SmtpSettings):
        return []
    provider = PROVIDERS[settings.provider]
    found = [provider.notice] if provider.notice else []
    login = settings.login.lower()
    if "@" in login and login != settings.from_address.lower() and provider.from_rule:
        found.append(
            said("Login and From address differ. {from_rule}", from_rule=said(provider.from_rule))
        )
    return found


@dataclass(frozen=True, slots=True)
class KeepPassword:
    """The password was not typed: what is stored stays, or there is none."""


@dataclass(frozen=True, slots=True)
class RemovePassword:
    """The password is to be forgotten."""


PasswordEdit = Secret | KeepPassword | RemovePassword


@dataclass(frozen=True, slots=True)
class Ports:
    """Which ports the form takes, beside its own: those that the operator opened."""

    opened: frozenset[int] = frozenset()
    any_but: frozenset[int] | None = None  # every port is opened, but for these

    def __contains__(self, port: int) -> bool:
        return port in PORTS or self.is_opened(port)

    def is_opened(self, port: int) -> bool:
        """Whether the operator opened it."""
        if port in self.opened:
            return True
        return self.any_but is not None and 0 < port < 1 << 16 and port not in self.any_but


def apply_password_rule(edit: PasswordEdit, provider: str) -> PasswordEdit:
    """Google shows app passwords in four groups of four letters; the blanks are no part of them."""
    if provider in _GOOGLE and isinstance(edit, Secret) and _APP_PASSWORD.fullmatch(edit.reveal()):
        return Secret(edit.reveal().replace(" ", ""))
    return edit


def apply_relay_rule(draft: SmtpSettings) -> SmtpSettings:
    """A relay is reached on port 25, whatever the form says."""
    return replace(draft, port=RELAY_PORT) if draft.is_relay else draft


def checked_default(draft: DefaultSettings) -> tuple[DefaultSettings, list[Problem]]:
    """Normalise what is right in `draft`, and name each field that keeps it from being saved."""
    found = Findings()
    reply_to = found.read("reply_to", draft.reply_to, address.address) if draft.reply_to else ""
    copy_to = found.read("copy_to", draft.copy_to, address.address) if draft.copy_to else ""
    found.add("from_name", header.display_name_problem(draft.from_name))
    return replace(draft, reply_to=reply_to, copy_to=copy_to), found.problems


def checked_smtp(
    draft: SmtpSettings, edit: PasswordEdit, saved: Settings | None, *, ports: Ports
) -> tuple[SmtpSettings, list[Problem]]:
    """
    Normalise what is right in `draft`, and name each field that keeps it from being saved.

    `saved` is what is edited; its password stays only while server, port, encryption and login
    do.
    """
    found = Findings()
    draft = apply_relay_rule(_normalised(draft, found))
    found.extend(_connection_problems(draft, ports))
    found.extend(_password_problems(edit, draft, saved))
    draft = replace(draft, password_set=_password_set(edit, draft, saved))
    found.extend(_sign_in_problems(draft, found.fields))
    return draft, found.problems


def _normalised(draft: SmtpSettings, found: Findings) -> SmtpSettings:
    if not draft.server.strip():
        found.add("server", said("Enter the name of your SMTP server."), "required")
    server = found.read("server", draft.server, address.host)
    typed = SenderFields(draft.from_name, draft.from_address, draft.copy_to)
    return replace(draft, server=server, **sender_fields(typed, found)._asdict())


def _connection_problems(draft: SmtpSettings, ports: Ports) -> Iterable[Problem]:
    if draft.provider not in PROVIDERS:
        yield Problem("provider", "unknown", said("Choose a provider from the list."))
    provider = PROVIDERS.get(draft.provider)
    own = frozenset(provider.ports) if provider else frozenset[int]()
    if draft.port not in ports and draft.port not in own:
        names = ", ".join(map(str, sorted(PORTS | own)))
        yield Problem("port", "not_allowed", said("Choose one of the ports {names}.", names=names))
    if not draft.allow_ssl and (message := _needs_encryption(draft)):
        yield Problem("allow_ssl", "required", message)
    if not 1 <= draft.window <= WINDOW:
        yield Problem("window", "invalid", said("Choose a number from 1 to {most}.", most=WINDOW))
    if len(draft.login) > LOGIN_LIMIT or CONTROL.search(draft.login):
        yield Problem(
            "login", "invalid", said("The login is too long or holds control characters.")
        )


def _needs_encryption(draft: SmtpSettings) -> str | None:
    if draft.port in tls_ports(draft.provider):
        return said(
            "Port {port} is encrypted from the start: tick Allow SSL connection.", port=draft.port
        )
    provider = PROVIDERS.get(draft.provider)
    if provider and provider.requires_tls:
        return said("{name} wants encryption: tick Allow SSL connection.", name=provider.name)
    return None


def _password_problems(
    edit: PasswordEdit, draft: SmtpSettings, saved: Settings | None
) -> Iterable[Problem]:
    match edit:
        case Secret():
            yield from secret_problems(edit, field="password", name=said("password"))
        case KeepPassword() if _has_password(saved) and not _same_destination(draft, saved):
            message = said("Server, port, encryption or login changed: type the password again.")
            yield Problem("password", "retype", message)
        case _:
            pass


def _sign_in_problems(draft: SmtpSettings, already: frozenset[str]) -> Iterable[Problem]:
    """Say what is missing of login and password: both or none; none for a relay or in plain."""
    if not draft.allow_ssl:
        if draft.login or draft.password_set:
            message = said("A login is never sent unencrypted: tick Allow SSL connection.")
            yield Problem("allow_ssl", "required", message)
        return
    if draft.password_set and not draft.login:
        yield Problem("login", "required", said("Enter the login that the password belongs to."))
    elif not draft.login and not draft.is_relay:
        yield Problem(
            "login", "required", said("Enter the login; only a relay may go without one.")
        )
    if not draft.password_set and (draft.login or not draft.is_relay) and "password" not in already:
        yield Problem("password", "required", said("Enter the password of the login."))


def _password_set(edit: PasswordEdit, draft: SmtpSettings, saved: Settings | None) -> bool:
    match edit:
        case Secret():
            return bool(edit)
        case KeepPassword():
            return _has_password(saved) and _same_destination(draft, saved)
        case RemovePassword():
            return False


def _has_password(saved: Settings | None) -> bool:
    return isinstance(saved, SmtpSettings) and saved.password_set


def _same_destination(draft: SmtpSettings, saved: Settings | None) -> bool:
    return isinstance(saved, SmtpSettings) and saved.destination == draft.destination
