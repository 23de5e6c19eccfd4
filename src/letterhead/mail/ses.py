"""The form of type AWS: its rules, the account that it names, and what SES's errors are."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace

from letterhead.errors import Problem
from letterhead.mail import address
from letterhead.mail.form import Findings, SenderFields, secret_problems, sender_fields
from letterhead.mail.reply import Break, Kind, Reply, Stage, safe_text
from letterhead.mail.said import said
from letterhead.mail.secret import Secret
from letterhead.mail.settings import (
    Account,
    KeepPassword,
    PasswordEdit,
    SesSettings,
    Settings,
    Verifies,
)

ADVISED_MAIL_FROM = "bounces"  # below the From domain: seldom a name that exists already

# The tags of each mail, by which the events of SES find their way back to it.
TAG_PORTAL, TAG_MESSAGE, TAG_RECIPIENT = (
    f"letterhead-{each}" for each in ("portal", "message", "recipient")
)

_ROLE = re.compile(r"arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}")
_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
_REGION = re.compile(r"[a-z]{2,8}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}")

# What AWS says of keys that it does not take (and of clocks that are wrong).
_OF_KEYS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "SubscriptionRequiredException",
        "UnrecognizedClientException",
    }
)
THROTTLED = 454
_REFUSED, _KEYS_REFUSED, _TROUBLE = 554, 535, 451  # as an SMTP server would answer
_TOO_MANY, _THEIRS = 429, 500  # of HTTP


@dataclass(frozen=True, slots=True)
class Access:
    """Where AWS is asked, and as whom: by a role, by keys, or as this machine is set up."""

    region: str
    role_arn: str = ""
    external_id: str = ""
    access_key_id: str = ""
    secret: Secret | None = None

    @property
    def is_operators(self) -> bool:
        return not self.role_arn and not self.access_key_id

    @property
    def account(self) -> str:
        """What has one rate of sending: a region of an account, as far as we can tell accounts."""
        return f"{self.region} {self.role_arn or self.access_key_id}"[:200]


@dataclass(frozen=True, slots=True)
class Region:
    """A region that has Amazon SES, in words for people, and under which names AWS is there."""

    name: str
    words: str
    suffix: str

    @property
    def smtp_server(self) -> str:
        """For who prefers type SMTP."""
        return f"email-smtp.{self.name}.{self.suffix}"


@dataclass(frozen=True, slots=True)
class SesRoute:
    """The platform's own route by SES."""

    region: str


def access(settings: SesSettings, secret: Secret | None) -> Access:
    """How the account of these settings is asked."""
    return Access(
        settings.region, settings.role_arn, settings.external_id, settings.access_key_id, secret
    )


def region(text: str) -> str:
    """Read the name of a region; whether AWS has it is not known here. ValueError if it is none."""
    if not _REGION.fullmatch(text):
        raise ValueError(f"{text!r} is no region of AWS, such as eu-west-1.")
    return text


def checked_ses(
    draft: SesSettings, edit: PasswordEdit, saved: Settings | None, *, regions: Container[str]
) -> tuple[SesSettings, list[Problem]]:
    """
    Normalise what is right in `draft`, and name each field that keeps it from being saved.

    `saved` is what is edited; its secret access key stays only while region and key id do.
    """
    found = Findings()
    typed = SenderFields(draft.from_name, draft.from_address, draft.copy_to)
    draft = replace(draft, **sender_fields(typed, found)._asdict())
    if draft.region not in regions:
        found.add("region", said("Choose a region of Amazon SES from the list."), "unknown")
    draft = replace(draft, mail_from=_mail_from(draft, found))
    found.extend(_identity_problems(draft))
    found.extend(_account_problems(draft))
    found.extend(_secret_problems(draft, edit, saved))
    return replace(draft, secret_access_key_set=_secret_set(draft, edit, saved)), found.problems


def _mail_from(draft: SesSettings, found: Findings) -> str:
    return found.read("mail_from", draft.mail_from, address.host) if draft.mail_from else ""


def _identity_problems(draft: SesSettings) -> Iterable[Problem]:
    if draft.identity not in set(Verifies):
        yield Problem("identity", "unknown", said("Choose domain or address."))
    elif draft.mail_from and draft.identity != Verifies.DOMAIN:
        message = said("Only a verified domain has a MAIL FROM domain of its own.")
        yield Problem("mail_from", "unused", message)
    elif draft.mail_from and not draft.mail_from.endswith(f".{draft.from_domain}"):
        message = said("The MAIL FROM domain must be below the From domain.")
        yield Problem("mail_from", "invalid", message)


def _account_problems(draft: SesSettings) -> Iterable[Problem]:
    if draft.account not in set(Account):
        yield Problem("account", "unknown", said("Choose operator, role or keys."))
        return
    if draft.account == Account.ROLE and not _ROLE.fullmatch(draft.role_arn):
        message = said(
            "Enter the ARN of the role, such as arn:aws:iam::123456789012:role/letterhead."
        )
        yield Problem("role_arn", "invalid" if draft.role_arn else "required", message)
    if draft.account == Account.KEYS and not _KEY_ID.fullmatch(draft.access_key_id):
        message = said("Enter the access key id: 16 or more capital letters and digits.")
        yield Problem("access_key_id", "invalid" if draft.access_key_id else "required", message)
    if draft.account != Account.ROLE and draft.role_arn:
        message = said("Choose the account by a role, or leave this out.")
        yield Problem("role_arn", "unused", message)
    if draft.account != Account.KEYS and draft.access_key_id:
        message = said("Choose the account by keys, or leave this out.")
        yield Problem("access_key_id", "unused", message)


def _secret_problems(
    draft: SesSettings, edit: PasswordEdit, saved: Settings | None
) -> Iterable[Problem]:
    field = "secret_access_key"
    if isinstance(edit, Secret):
        yield from secret_problems(edit, field=field, name=said("secret access key"))
        if draft.account != Account.KEYS:
            message = said("Choose the account by keys, or leave this out.")
            yield Problem(field, "unused", message)
    elif draft.account == Account.KEYS and not _secret_set(draft, edit, saved):
        if isinstance(edit, KeepPassword) and _has_secret(saved):
            message = said("Region or key id changed: type the secret access key again.")
            yield Problem(field, "retype", message)
        else:
            message = said("Enter the secret access key of the key id.")
            yield Problem(field, "required", message)


def _secret_set(draft: SesSettings, edit: PasswordEdit, saved: Settings | None) -> bool:
    if draft.account != Account.KEYS:
        return False
    if isinstance(edit, Secret):
        return bool(edit)
    kept = isinstance(saved, SesSettings) and saved.destination == draft.destination
    return isinstance(edit, KeepPassword) and _has_secret(saved) and kept


def _has_secret(saved: Settings | None) -> bool:
    return isinstance(saved, SesSettings) and saved.secret_access_key_set


def reply(code: str, message: str, status: int) -> Reply:
    """
    An error of AWS as a server's reply, so that one catalogue tells what it means.

    `code` is its name, `status` that of HTTP; what time may mend gets a 4xx of SMTP.
    """
    text = safe_text(f"{code}: {message}")
    if code in _OF_KEYS or "sts:AssumeRole" in message:
        return Reply(Stage.SIGN_IN, _KEYS_REFUSED, text)
    if status == _TOO_MANY or "Throttl" in code:
        return Reply(Stage.MESSAGE, THROTTLED, text)
    return Reply(Stage.MESSAGE, _TROUBLE if status >= _THEIRS else _REFUSED, text)


def no_credentials(detail: str) -> Break:
    """There is nothing here to show to AWS."""
    return Break(Stage.SIGN_IN, Kind.NO_CREDENTIALS, safe_text(detail))
