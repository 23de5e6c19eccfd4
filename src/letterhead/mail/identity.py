"""How an identity of Amazon SES stands, and what its domain publishes for it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from letterhead.mail import spf, spf_record
from letterhead.mail.said import said
from letterhead.mail.settings import SesSettings, Verifies

SUCCESS, PENDING, FAILED = "SUCCESS", "PENDING", "FAILED"  # as SES says it

_SIGNERS = "dkim.amazonses.com"  # where the keys stand, unless SES names another zone
_PAUSES = tuple(timedelta(minutes=each) for each in (1, 2, 5, 10, 30, 60))
_TENANT_LIMIT, _TENANT_KEPT = 64, 48  # characters
_VERIFIED = timedelta(hours=6)  # between looks at what needs nothing any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What an account may send, as SES said."""

    sandbox: bool  # mail goes to verified addresses only
    enabled: bool  # whether AWS lets the account send at all
    enforcement: str  # HEALTHY, PROBATION, SHUTDOWN
    a_day: float  # mails in 24 hours; -1 is no limit
    sent: float  # in the last 24 hours
    a_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An identity as SES described it; it is `adopted` if it was there before us."""

    name: str
    region: str
    verified: bool
    status: str = ""  # of the verification
    problem: str = ""  # why SES could not verify: HOST_NOT_FOUND, ...
    dkim: str = ""
    tokens: Sequence[str] = ()
    hosted_zone: str = ""
    mail_from: str = ""
    mail_from_status: str = ""
    tenant: str = ""  # of the portal, where the region has tenants
    adopted: bool = False
    quota: Quota | None = None

    @property
    def is_domain(self) -> bool:
        return "@" not in self.name

    @property
    def ready(self) -> bool:
        """Whether SES sends as it: a domain must be signed for, too."""
        return self.verified and (self.dkim == SUCCESS or not self.is_domain)


class Purpose(StrEnum):
    """What a record is for."""

    DKIM = "dkim"
    MAIL_FROM = "mail_from"
    PROOF = "domain_proof"


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish."""

    purpose: Purpose
    name: str
    type: str
    value: str

    def state(self, found: Sequence[str] | None) -> str:
        """How DNS stands to it: published, missing, different, or unknown."""
        if found is None:
            return "unknown"
        if not found:
            return "missing"
        return "published" if any(map(self._is_met_by, found)) else "different"

    def _is_met_by(self, found: str) -> bool:
        if self.type == "TXT" and spf_record.is_spf(self.value):
            return "include:amazonses.com" in found.lower().split()
        return found.lower() == self.value.rpartition(" ")[2].lower()


def records(found: Identity) -> Sequence[Record]:
    """What the domain of an identity must publish, built from what SES answered."""
    return [*_keys(found), *_mail_from(found)]


def _keys(found: Identity) -> Iterable[Record]:
    zone = found.hosted_zone or _SIGNERS
    for token in found.tokens if found.is_domain else ():
        name = f"{token}._domainkey.{found.name}"
        yield Record(Purpose.DKIM, name, "CNAME", f"{token}.{zone}")


def _mail_from(found: Identity) -> Iterable[Record]:
    if found.mail_from:
        host = f"10 feedback-smtp.{found.region}.amazonses.com"
        yield Record(Purpose.MAIL_FROM, found.mail_from, "MX", host)
        value = "v=spf1 include:amazonses.com ~all"
        yield Record(Purpose.MAIL_FROM, found.mail_from, "TXT", value)


def tenant(slug: str) -> str:
    """The name of a portal's tenant at SES: at most 64 characters, each of which SES takes."""
    name = f"lh-{slug}"
    if len(name) <= _TENANT_LIMIT:
        return name
    return f"{name[:_TENANT_KEPT]}-{hashlib.sha256(slug.encode()).hexdigest()[:12]}"


def state(found: Identity | None) -> spf.State:
    """How the step `dns` of the gate stands; None: SES has not answered."""
    if found is None:
        return spf.State.UNKNOWN
    return spf.State.PASS if found.ready else spf.State.MISSING


def detail(found: Identity | None, settings: SesSettings) -> str:
    """What is missing until SES sends as the identity, in words."""
    name = settings.identity_name
    if found is None:
        return said("Amazon SES has not said yet how {name} stands: check DNS.", name=name)
    if found.ready:
        return said("Amazon SES has verified {name}.", name=name)
    if settings.identity == Verifies.ADDRESS:
        return said("Open the link in the mail that Amazon SES has sent to {name}.", name=name)
    if FAILED in {found.status, found.dkim}:
        return said(
            "Amazon SES gave up waiting for the records of {name}: verify again.", name=name
        )
    return said("Publish the CNAME records of {name}: Amazon SES waits for them.", name=name)


def next_look(found: Identity | None, looks: int, *, now: datetime) -> datetime:
    """When to ask SES again: soon after it was asked first, then ever later."""
    if found and found.ready:
        return now + _VERIFIED
    return now + _PAUSES[min(looks, len(_PAUSES)) - 1]


def kept(found: Identity) -> Mapping[str, Any]:
    """An identity as it is stored."""
    return asdict(found)


def read(row: Mapping[str, Any] | None) -> Identity | None:
    """An identity as it was stored."""
    if row is None:
        return None
    quota = Quota(**row["quota"]) if row["quota"] else None
    return Identity(**{**row, "tokens": tuple(row["tokens"]), "quota": quota})
