"""Which way out a route takes, and the ways out that are kept open."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from letterhead.egress import Egress
from letterhead.mail import said as sentences
from letterhead.mail.letter import Route
from letterhead.mail.reply import Answer, Break, Kind, Stage
from letterhead.mail.secret import Secret
from letterhead.mail.server import Envelope, Server
from letterhead.mail.ses import Access, SesRoute, access
from letterhead.mail.settings import OwnSettings, SesSettings, SmtpSettings
from letterhead.transports.aws import Aws
from letterhead.transports.base import BeforeDot, Passed, Transport, Upcoming, Watch
from letterhead.transports.capture import CaptureTransport
from letterhead.transports.ses import Sending, SesTransport, Stages
from letterhead.transports.smtp import SmtpTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Makes ways out, and keeps one of each connection; fits `delivery.drain.Ways`."""

    egress: Egress
    tls: ssl.SSLContext
    ehlo: str
    default_route: Server | SesRoute | None  # None captures
    aws: Aws
    configuration_set: str  # of the operator's AWS account; empty: none
    captured: Path
    password: Callable[[Route], Secret | None]  # opens what is sealed, if the key is there
    _open: dict[int, tuple[tuple[int, str], Transport]] = field(default_factory=dict)

    async def of(self, route: Route) -> Transport:
        """The way out of a connection; that of earlier settings, or without its key, is closed."""
        of = (route.version, route.tenant)
        earlier, way = self._open.get(route.connection_id, (None, None))
        if way is not None and earlier == of and not isinstance(way, Locked):
            return way
        made = self.fresh(route)
        self._open[route.connection_id] = (of, made)
        if way is not None:
            await way.close()
        return made

    async def rest(self, connection_id: int) -> None:
        """Take leave of the sessions of a connection that nobody uses at the moment."""
        if connection_id in self._open:
            await self._open[connection_id][1].close()

    def fresh(self, route: Route) -> Transport:
        """A way out that nobody else uses."""
        settings = route.settings
        if not isinstance(settings, OwnSettings):
            return self._platform()
        password = self.password(route)
        if settings.password_set and password is None:
            return Locked()
        if isinstance(settings, SesSettings):
            return self._ses(access(settings, password), route.tenant)
        return self._smtp(_server(settings, password))

    async def close(self) -> None:
        """Take leave of every server."""
        while self._open:
            _, (_, way) = self._open.popitem()
            await way.close()
        await self.aws.close()

    def _platform(self) -> Transport:
        if self.default_route is None:
            return CaptureTransport(self.captured)
        if isinstance(self.default_route, SesRoute):
            return self._ses(Access(self.default_route.region))
        return self._smtp(self.default_route)

    def _ses(self, by: Access, tenant: str = "") -> SesTransport:
        """A configuration set, and a portal's tenant, are in the operator's account only."""
        shared = by.is_operators
        sending = Sending(
            access=by,
            configuration_set=self.configuration_set if shared else "",
            tenant=tenant if shared else "",
        )
        return SesTransport(sending, self.aws, Stages(self.egress, self.tls))

    def _smtp(self, server: Server) -> SmtpTransport:
        return SmtpTransport(server, self.egress, tls=self.tls, ehlo=self.ehlo)


class Locked:
    """The way out of settings whose password cannot be opened: the key that sealed it is gone."""

    together = None

    def seats(self, waiting: int) -> int:  # noqa: ARG002
        return 1

    def line(self, upcoming: Upcoming) -> "Locked":  # noqa: ARG002
        return self

    async def send(self, envelope: Envelope, before_dot: BeforeDot) -> Answer:  # noqa: ARG002
        return Break(Stage.SIGN_IN, Kind.LOCKED, _LOCKED)

    async def rehearse(
        self,
        envelope: Envelope,  # noqa: ARG002
        before_dot: BeforeDot,  # noqa: ARG002
        watch: Watch,
    ) -> Answer:
        watch(Passed(Stage.SIGN_IN, ok=False, ms=0.0, detail=_LOCKED))
        return Break(Stage.SIGN_IN, Kind.LOCKED, _LOCKED)

    async def probe(self) -> Answer | None:
        return Break(Stage.SIGN_IN, Kind.LOCKED, _LOCKED)

    async def close(self) -> None:
        """There is nothing to close."""


_LOCKED = sentences.said("The stored password cannot be opened: its key is missing.")


def _server(settings: SmtpSettings, password: Secret | None) -> Server:
    return Server(
        host=settings.server,
        port=settings.port,
        encryption=settings.encryption,
        login=settings.login,
        password=password,
        connections=settings.limits.connections,
        window=settings.window,
    )
