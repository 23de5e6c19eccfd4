"""The ways out of this process, built from a `Config`: connections, mail servers, AWS."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from letterhead.actions.vouching import Identity
from letterhead.config import Config
from letterhead.egress import Egress, tls_context
from letterhead.errors import Misconfigured
from letterhead.mail import ses_setup
from letterhead.mail.letter import Route
from letterhead.mail.reply import Answer
from letterhead.mail.secret import Secret
from letterhead.mail.server import Server
from letterhead.mail.ses import Access, SesRoute
from letterhead.mail.settings import OwnSettings
from letterhead.store.settings import destination
from letterhead.store.vault import Vault
from letterhead.transports import aws_setup
from letterhead.transports.aws import Aws, Share
from letterhead.transports.aws_regions import demand_region
from letterhead.transports.choose import Ways
from letterhead.transports.ses import Sending, SesTransport, Stages
from letterhead.transports.sqs import SqsQueue
from letterhead.transports.webhooks import Receivers


def egress(config: Config) -> Egress:
    """The way out that everything else takes."""
    return Egress(dns_servers=config.dns_servers, allowed=config.allowed)


def ways(config: Config, vault: Vault, *, share: Share | None) -> Ways:
    """The ways out for mail; Misconfigured if that of the platform cannot be."""

    def password(route: Route) -> Secret | None:
        sealed, of = route.sealed_password, route.settings
        if sealed is None or not isinstance(of, OwnSettings):
            return None
        return vault.open(sealed, destination(route.portal_id, of))

    out, tls = egress(config), tls_context(config.ca_file)
    return Ways(
        egress=out,
        tls=tls,
        ehlo=ehlo(config),
        default_route=_default_route(config),
        aws=Aws(out, tls, share=share),
        configuration_set=config.ses_configuration_set,
        captured=config.data_dir / "captured",
        password=password,
    )


def queues(config: Config, aws: Aws) -> list[SqsQueue]:
    """The queues in which events of Amazon SES wait."""
    return [SqsQueue(aws, name, region) for region, name in config.ses_queues]


async def probe_ses(config: Config, route: SesRoute) -> Answer | None:
    """Ask Amazon SES by the platform's route, without a mail; None if all is well."""
    demand_region(route.region)
    out, tls = egress(config), tls_context(config.ca_file)
    aws = Aws(out, tls)
    try:
        return await SesTransport(
            Sending(access=Access(route.region)), aws, Stages(out, tls)
        ).probe()
    finally:
        await aws.close()


@dataclass(frozen=True, slots=True)
class AwsSetup:
    """What `letterhead aws setup` was asked for; `in_queue` None takes what fits."""

    region: str
    in_queue: bool | None
    dry_run: bool


async def set_up_aws(config: Config, asked: AwsSetup) -> Mapping[str, Any]:
    """Make what SES needs to report, or show it: steps, variables, permissions."""
    region, endpoint = _region(config, asked), _endpoint(config, asked)
    aws = Aws(egress(config), tls_context(config.ca_file))
    partition, account = await aws_setup.whose(aws, region)
    wanted = ses_setup.Wanted(
        partition=partition,
        region=region,
        account=account,
        configuration_set=config.ses_configuration_set or "letterhead",
        endpoint=endpoint,
    )
    plan = ses_setup.plan(wanted)
    steps: Sequence[Mapping[str, str]] = [{"what": each.words, "done": "no"} for each in plan]
    if not asked.dry_run:
        steps = await aws_setup.carry_out(aws, region, plan)
    policy = ses_setup.permissions(wanted)
    return {"steps": steps, "variables": wanted.variables, "policy": policy}


def _region(config: Config, asked: AwsSetup) -> str:
    """The region that was named, else that of the platform's route."""
    route = config.default_route
    found = asked.region or (route.region if isinstance(route, SesRoute) else "")
    if not found:
        raise Misconfigured("Name the region: --region eu-west-1.")
    return demand_region(found)


def _endpoint(config: Config, asked: AwsSetup) -> str:
    """Where SNS reaches us; empty: reports wait in a queue."""
    reachable = config.public_url.startswith("https://")
    if asked.in_queue is False and not reachable:
        raise Misconfigured("LETTERHEAD_PUBLIC_URL: SNS needs an https:// address, or a queue.")
    in_queue = not reachable if asked.in_queue is None else asked.in_queue
    return "" if in_queue else f"{config.public_url}/hooks/amazon-sns"


def receivers(config: Config) -> Receivers:
    """Who is told by webhooks."""
    return Receivers(egress(config), tls_context(config.ca_file))


def _default_route(config: Config) -> Server | SesRoute | None:
    if isinstance(config.default_route, SesRoute):
        demand_region(config.default_route.region)
    return config.default_route


def ehlo(config: Config) -> str:
    """Our name in EHLO: that of the public address, or an address literal (RFC 5321, 4.1.3)."""
    host = urlsplit(config.public_url).hostname or "localhost"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "localhost"
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"  # noqa: PLR2004


def identity(config: Config) -> Identity | None:
    """The identity provider, if the operator has named one."""
    if config.identity is None:
        return None
    # Authlib takes 10 MB, and most installations have no provider.
    library = import_module("letterhead.identity")
    made: Identity = library.Identity(config.identity, egress(config), tls_context(config.ca_file))
    return made
