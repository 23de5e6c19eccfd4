"""Identities at Amazon SES: made or adopted, looked at, verified again, removed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from letterhead.mail.identity import Identity, Quota
from letterhead.mail.reply import Answer
from letterhead.mail.ses import TAG_PORTAL, Access
from letterhead.transports.aws import Aws, Client
from letterhead.transports.session import Declined

_THERE = "alreadyexistsexception"
_MISSING = "notfoundexception"
_NO_TENANTS = (_MISSING, "badrequestexception", "unknownoperation", "accessdenied", "404")
_LONG_KEYS = {"NextSigningKeyLength": "RSA_2048_BIT"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The identity that a portal wants, and what is to be set up with it (empty: leave it)."""

    access: Access
    name: str
    owner: str  # the portal's slug, with which what is made for it is marked
    mail_from: str = ""
    tenant: str = ""
    configuration_set: str = ""

    @property
    def path(self) -> Mapping[str, str]:
        return {"EmailIdentity": self.name}


class SesIdentities:
    """Speaks to SES about identities; whatever AWS says no to is an answer, never an exception."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def look(self, wish: Wish, *, known: Identity | None) -> Identity | Answer:
        """Make the identity or adopt the one that is there, and say how it stands."""
        return await self._with_client(wish, _Look(wish, known).found)

    async def verify_again(self, wish: Wish) -> Answer | None:
        """Start the verification anew: with the keys of a domain, or another mail to an address."""
        return await self._with_client(wish, lambda client: _verify_again(client, wish))

    async def remove(self, wish: Wish) -> Answer | None:
        """Remove the identity; one that is not there is gone already."""
        return await self._with_client(wish, lambda client: _remove(client, wish))

    async def _with_client(self, wish: Wish, act: Callable[[Client], Awaitable[T]]) -> T | Answer:
        line = self._aws.line(wish.access)
        try:
            return await act(await line.client())
        except Declined as declined:
            return declined.answer
        finally:
            await self._aws.leave(wish.access, line)


class _Look:
    """One look, with what it takes to set the identity up."""

    def __init__(self, wish: Wish, known: Identity | None) -> None:
        self._wish = wish
        self._known = known

    async def found(self, client: Client) -> Identity:
        wish = self._wish
        there = await _get(client, wish)
        if there is None:
            await _make(client, wish)
            there = await client.call("get_email_identity", wish.path)
        if wish.mail_from and _mail_from(there) != wish.mail_from:
            await _set_mail_from(client, wish)
            there = await client.call("get_email_identity", wish.path)
        tenant = await self._tenant(client)
        return _identity(wish, there, await _quota(client), tenant=tenant)

    async def _tenant(self, client: Client) -> str:
        """The portal's tenant, with the identity in it; none where the region has none."""
        wish, known = self._wish, self._known
        if not wish.tenant or (known and known.tenant):
            return known.tenant if known else ""
        try:
            await _set_up_tenant(client, wish)
        except Declined as declined:
            if not _says(declined, *_NO_TENANTS):
                raise
            return ""
        return wish.tenant


async def _get(client: Client, wish: Wish) -> Mapping[str, Any] | None:
    try:
        return await client.call("get_email_identity", wish.path)
    except Declined as declined:
        if not _says(declined, _MISSING):
            raise
        return None


async def _make(client: Client, wish: Wish) -> None:
    """Make it, with keys of 2048 bits for a domain; somebody may have been quicker."""
    keys = {} if "@" in wish.name else {"DkimSigningAttributes": _LONG_KEYS}
    await _once(client, "create_email_identity", {**wish.path, **keys, "Tags": [_mark(wish)]})


def _mark(wish: Wish) -> Mapping[str, str]:
    """By which an identity says for whom it was made, however many looked at once."""
    return {"Key": TAG_PORTAL, "Value": wish.owner}


async def _set_mail_from(client: Client, wish: Wish) -> None:
    """Mail goes on under the name of SES for as long as the records are not right."""
    how = {"MailFromDomain": wish.mail_from, "BehaviorOnMxFailure": "USE_DEFAULT_VALUE"}
    await client.call("put_email_identity_mail_from_attributes", {**wish.path, **how})


async def _set_up_tenant(client: Client, wish: Wish) -> None:
    name = {"TenantName": wish.tenant}
    await _once(client, "create_tenant", name)
    arn = str((await client.call("get_tenant", name))["Tenant"]["TenantArn"])
    account = arn.partition(":tenant/")[0]  # arn:aws:ses:REGION:ACCOUNT
    sets = [f"configuration-set/{wish.configuration_set}"] if wish.configuration_set else []
    for each in (f"identity/{wish.name}", *sets):
        whole = {**name, "ResourceArn": f"{account}:{each}"}
        await _once(client, "create_tenant_resource_association", whole)


async def _verify_again(client: Client, wish: Wish) -> None:
    if "@" not in wish.name:
        keys = {"SigningAttributesOrigin": "AWS_SES", "SigningAttributes": _LONG_KEYS}
        await client.call("put_email_identity_dkim_signing_attributes", {**wish.path, **keys})
        return
    await _remove(client, wish)  # the only way to have SES write to the address again
    await _make(client, wish)


async def _remove(client: Client, wish: Wish) -> None:
    try:
        await client.call("delete_email_identity", wish.path)
    except Declined as declined:
        if not _says(declined, _MISSING):
            raise


async def _once(client: Client, operation: str, parameters: Mapping[str, Any]) -> None:
    """Make something that may be there already."""
    try:
        await client.call(operation, parameters)
    except Declined as declined:
        if not _says(declined, _THERE):
            raise


async def _quota(client: Client) -> Quota | None:
    """What the account may send; None where the credentials may not ask."""
    try:
        said = await client.call("get_account", {})
    except Declined:
        return None
    quota = said.get("SendQuota", {})
    return Quota(
        sandbox=not said.get("ProductionAccessEnabled", False),
        enabled=bool(said.get("SendingEnabled", True)),
        enforcement=str(said.get("EnforcementStatus", "")),
        a_day=float(quota.get("Max24HourSend", 0)),
        sent=float(quota.get("SentLast24Hours", 0)),
        a_second=float(quota.get("MaxSendRate", 0)),
    )


def _says(declined: Declined, *names: str) -> bool:
    """Whether a refusal is one of these errors."""
    sentence = getattr(declined.answer, "sentence", "")
    return bool(sentence.startswith(names))


def _mail_from(there: Mapping[str, Any]) -> str:
    return str(there.get("MailFromAttributes", {}).get("MailFromDomain", ""))


def _identity(
    wish: Wish, there: Mapping[str, Any], quota: Quota | None, *, tenant: str
) -> Identity:
    dkim = there.get("DkimAttributes", {})
    return Identity(
        name=wish.name,
        region=wish.access.region,
        verified=bool(there.get("VerifiedForSendingStatus", False)),
        status=str(there.get("VerificationStatus", "")),
        problem=str(there.get("VerificationInfo", {}).get("ErrorType", "")),
        dkim=str(dkim.get("Status", "")),
        tokens=tuple(dkim.get("Tokens", ())),
        hosted_zone=str(dkim.get("SigningHostedZone", "")),
        mail_from=_mail_from(there),
        mail_from_status=str(there.get("MailFromAttributes", {}).get("MailFromDomainStatus", "")),
        tenant=tenant,
        adopted=_mark(wish) not in there.get("Tags", ()),
        quota=quota,
    )
