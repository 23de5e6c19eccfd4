"""The ways out of this process, built from a `Config`: connections, mail servers, AWS."""

import ipaddress
from urllib.parse import urlsplit

from letterhead.config import Config
from letterhead.egress import Egress, tls_context
from letterhead.identity import Identity
from letterhead.mail.letter import Route
from letterhead.mail.reply import Answer
from letterhead.mail.secret import Secret
from letterhead.mail.server import Server
from letterhead.mail.ses import Access, SesRoute
from letterhead.mail.settings import OwnSettings
from letterhead.store.settings import destination
from letterhead.store.vault import Vault
from letterhead.transports.aws import Aws
from letterhead.transports.aws_regions import demand_region
from letterhead.transports.choose import Ways
from letterhead.transports.ses import Sending, SesTransport, Stages
from letterhead.transports.sqs import SqsQueue


def egress(config: Config) -> Egress:
    """The way out that everything else takes."""
    return Egress(dns_servers=config.dns_servers, allowed=config.allowed)


def ways(config: Config, vault: Vault) -> Ways:
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
        aws=Aws(out, tls),
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
    return Identity(config.identity, egress(config), tls_context(config.ca_file))
