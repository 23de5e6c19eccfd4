"""A client of aiobotocore over our egress: our resolver, our TLS; its errors become answers."""

import logging
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from socket import AI_NUMERICHOST, IPPROTO_TCP, AddressFamily
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioDeferredRefreshableCredentials
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession, get_session
from aiohttp.abc import AbstractResolver, ResolveResult
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)

from letterhead.egress import Egress
from letterhead.errors import Unreachable
from letterhead.mail import ses
from letterhead.mail.reply import Break, Kind, Reply, Stage, safe_text
from letterhead.mail.ses import Access
from letterhead.transports.session import Declined
from letterhead.transports.tls import not_encrypted

# What they warn of comes as an error, too; their own words could hold what no log may.
for _name in ("aiobotocore", "botocore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

CONNECTIONS = 50  # open at once with one region, at most
_IDLE = 5.0  # seconds; AWS hangs up later, and a hang-up under a request makes it uncertain
_CONNECT, _READ = 15.0, 60.0  # seconds


async def opened(service: str, access: Access, egress: Egress, tls: ssl.SSLContext) -> "AwsClient":
    """A client of one service; Declined where this machine's own set-up cannot be read."""
    config = _config(egress, tls)
    made = _session_of(access, config).create_client(
        service, region_name=access.region, config=config, **_keys(access)
    )
    return AwsClient(await _entered(made))


class AwsClient:
    """Asks one service as one account."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - made by botocore at run time
        self._client = client

    @property
    def endpoint(self) -> str:
        url: str = self._client.meta.endpoint_url
        return url

    async def call(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask once; Declined gives a refusal or a break."""
        return await _called(getattr(self._client, operation), parameters)

    async def close(self) -> None:
        await self._client.__aexit__(None, None, None)


@cache
def _session() -> AioSession:
    """One for all: what it has read of AWS's services is kept."""
    return get_session()


def _session_of(access: Access, config: AioConfig) -> AioSession:
    """A role has a session of its own, which assumes it anew before it ends."""
    if not access.role_arn:
        return _session()
    made = get_session()
    made.register_component("data_loader", _session().get_component("data_loader"))
    made.register_component("credential_provider", _Lending(access, config))
    return made


def _keys(access: Access) -> Mapping[str, str]:
    """The portal's keys; else as this machine is set up: environment, files, its own role."""
    if not access.access_key_id:
        return {}
    if not access.secret:  # never on with the operator's
        raise Declined(Break(Stage.SIGN_IN, Kind.LOCKED, "The stored key cannot be opened."))
    return {
        "aws_access_key_id": access.access_key_id,
        "aws_secret_access_key": access.secret.reveal(),
    }


class _Lending:
    """Credentials of a role, as botocore wants them given."""

    def __init__(self, access: Access, config: AioConfig) -> None:
        self._access = access
        self._config = config

    async def load_credentials(self) -> AioDeferredRefreshableCredentials:
        return AioDeferredRefreshableCredentials(self._assumed, method="assume-role")

    async def _assumed(self) -> Mapping[str, str]:
        access = self._access
        made = _session().create_client("sts", region_name=access.region, config=self._config)
        sts = AwsClient(await _entered(made))
        asked = {
            "RoleArn": access.role_arn,
            "RoleSessionName": "letterhead",
            "ExternalId": access.external_id,
        }
        try:
            lent = (await _signing_in(sts, "assume_role", asked))["Credentials"]
        finally:
            await sts.close()
        return {
            "access_key": lent["AccessKeyId"],
            "secret_key": lent["SecretAccessKey"],
            "token": lent["SessionToken"],
            "expiry_time": lent["Expiration"].isoformat(),
        }


async def _entered(made: Any) -> Any:  # noqa: ANN401
    try:
        return await made.__aenter__()
    except (BotoCoreError, ValueError) as error:  # a profile that is not there, a broken file
        raise Declined(ses.no_credentials(str(error))) from error


def _config(egress: Egress, tls: ssl.SSLContext) -> AioConfig:
    class OverEgress(AIOHTTPSession):  # type: ignore[misc] # it has no types
        """Connections with our TLS."""

        def _build_verify_context(self) -> ssl.SSLContext:
            return tls

    return AioConfig(
        # A retry of the library's own could send a mail twice, and nobody would know.
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=_CONNECT,
        read_timeout=_READ,
        max_pool_connections=CONNECTIONS,
        connector_args={
            "keepalive_timeout": _IDLE,
            "use_dns_cache": False,
            "resolver": EgressResolver(egress),
        },
        http_session_cls=OverEgress,
        warm_up_loader_caches=True,
    )


class EgressResolver(AbstractResolver):
    """Resolves by our egress; AWS is a destination that the operator set."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: AddressFamily = AddressFamily.AF_INET,  # noqa: ARG002 - both are given
    ) -> list[ResolveResult]:
        try:
            found = await self._egress.resolve(host, port=port, trusted=True)
        except Unreachable as error:
            raise _NotResolved(error) from error
        return [_result(host, str(each), each.version, port) for each in found]

    async def close(self) -> None:
        """There is nothing to close."""


class _NotResolved(OSError):
    """The name leads nowhere; aiohttp wants an OSError."""

    def __init__(self, why: Unreachable) -> None:
        super().__init__(str(why))
        self.why = why


def _result(host: str, address: str, version: int, port: int) -> ResolveResult:
    family = AddressFamily.AF_INET6 if version == 6 else AddressFamily.AF_INET  # noqa: PLR2004
    return {
        "hostname": host,
        "host": address,
        "port": port,
        "family": family,
        "proto": IPPROTO_TCP,
        "flags": AI_NUMERICHOST,
    }


async def _called(operation: Any, parameters: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ANN401
    try:
        answer: Mapping[str, Any] = await operation(**parameters)
    except ClientError as error:
        raise Declined(_refusal(error)) from error
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise Declined(ses.no_credentials(str(error))) from error
    except (BotoCoreError, aiohttp.ClientError, OSError) as error:
        raise Declined(_break(error)) from error
    return answer


async def _signing_in(
    client: AwsClient, operation: str, parameters: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Ask; a break in it comes before whatever the credentials are for."""
    try:
        return await client.call(operation, parameters)
    except Declined as declined:
        raise Declined(replace(declined.answer, stage=Stage.SIGN_IN)) from declined


def _refusal(error: ClientError) -> Reply:
    said, how = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code = str(said.get("Code", "Unknown"))
    return ses.reply(code, str(said.get("Message", "")), int(how.get("HTTPStatusCode", 0)))


def _break(error: Exception) -> Break:
    """Where the connection broke; at stage message the request may have arrived."""
    cause = getattr(error, "kwargs", {}).get("error", error)
    for each in _causes(cause):
        if isinstance(each, _NotResolved):
            return Break(Stage.RESOLVE, Kind(each.why.kind), safe_text(str(each.why)))
    if isinstance(error, SSLError):
        return _not_encrypted(cause)
    if isinstance(error, ConnectTimeoutError):
        return Break(Stage.CONNECT, Kind.TIMED_OUT, "AWS did not answer in time.")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return Break(Stage.CONNECT, Kind.REFUSED, safe_text(f"No connection: {cause.os_error}."))
    kind = Kind.TIMED_OUT if isinstance(cause, TimeoutError) else Kind.CLOSED
    return Break(Stage.MESSAGE, kind, "AWS did not answer the request.")


def _not_encrypted(cause: object) -> Break:
    found = next((each for each in _causes(cause) if isinstance(each, ssl.SSLError)), None)
    why = not_encrypted(found or OSError(), getattr(cause, "host", "AWS"))
    return Break(Stage.ENCRYPT, Kind(why.kind), safe_text(str(why)))


def _causes(error: object) -> Sequence[object]:
    inner = (getattr(error, each, None) for each in ("os_error", "certificate_error", "__cause__"))
    return [error, *(each for each in inner if each is not None)]
