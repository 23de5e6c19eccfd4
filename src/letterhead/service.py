"""Builds the store, the ways out, delivery and the doors from a `Config`, and runs them."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from letterhead import doors, operating, outward, working
from letterhead import listening as sockets
from letterhead.actions import people
from letterhead.actions.domains import DomainCheck
from letterhead.actions.feedback import Feedback
from letterhead.actions.identities import Identities
from letterhead.actions.messages import Intake
from letterhead.actions.office import Office
from letterhead.actions.ownership import Ownership
from letterhead.actions.premises import Examine, Premises
from letterhead.actions.reputation import Reputation
from letterhead.actions.trial import Trial
from letterhead.api import app as api
from letterhead.config import Config
from letterhead.delivery.calling import Calling
from letterhead.delivery.following import Following
from letterhead.delivery.polling import Polling
from letterhead.delivery.settling import Settler
from letterhead.doors import Certificate
from letterhead.mail.notice import Press
from letterhead.mail.portal import Ids
from letterhead.mail.settings import FOREIGN_PORTS, Ports
from letterhead.operating import Part, now
from letterhead.store.committer import Committer
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.feedback import FeedbackRows
from letterhead.store.fresh import Fresh
from letterhead.store.identities import DueIdentities
from letterhead.store.outbox import Outbox
from letterhead.store.store import Store
from letterhead.store.turns import Turns
from letterhead.store.webhooks import Calls
from letterhead.submission import Server as Submission
from letterhead.submission.certificate import Identity
from letterhead.transports.aws_regions import regions as aws_regions
from letterhead.transports.identities import SesIdentities
from letterhead.transports.sns import Sns
from letterhead.web import app as web

Announce = Callable[[str], None]

log = structlog.get_logger(__name__)


class Service:
    """The parts of this process, put together."""

    def __init__(
        self,
        config: Config,
        database: Database,
        store: Store,
        *,
        announce: Announce,
        examine: Examine,
    ) -> None:
        self._config = config
        self._store = store
        self._database = database
        self._fresh = Fresh()
        self._outbox = Outbox(database, self._fresh)
        self._settler = Settler(self._outbox)
        share = Turns(database, now) if database.shared else None
        self._ways = outward.ways(config, store.vault, share=share)
        self._lanes = working.lanes(database, now)
        self._announce = announce
        self._stopped = asyncio.Event()
        self._works = False
        self._dns = operating.dns(config)
        self._press = Press(Ids(), operating.platform(config), config.texts)
        self._identities = Identities(
            store, SesIdentities(self._ways.aws), self._dns, config.ses_configuration_set
        )
        self._feedback = self._hears()
        self._crew = working.crew(config, database, self._team())
        hands = working.hands(self._lanes, self._crew.drain)
        self._committer = Committer(database, self._fresh, hands)
        self.office = self._office(examine)

    def _hears(self) -> Feedback:
        """Who hears what SES reports."""
        judge = Reputation(self._store, Connections(self._database), now).judge
        rows, sns = FeedbackRows(self._database), Sns(self._ways.aws)
        return Feedback(rows, sns, self._config.ses_topics, judge)

    def _team(self) -> working.Team:
        config, database = self._config, self._database
        return working.Team(
            outbox=self._outbox,
            ways=self._ways,
            lanes=self._lanes,
            settler=self._settler,
            press=self._press,
            following=Following(DueIdentities(database), self._identities.follow, now),
            polling=Polling(outward.queues(config, self._ways.aws), self._feedback.from_sqs),
            calling=Calling(
                Calls(database, self._store.vault), outward.receivers(config).post, now
            ),
            clock=now,
        )

    def _office(self, examine: Examine) -> Office:
        config, store, press, wake = self._config, self._store, self._press, self._lanes.wake
        crew = self._crew
        domains = DomainCheck(store, self._dns, operating.networks(config), self._identities)
        return Office(
            store=store,
            intake=Intake(self._committer, press.ids, press.platform),
            trial=Trial(store, wake, press, domains, config.public_url),
            domains=domains,
            identities=self._identities,
            feedback=self._feedback,
            regions=aws_regions,
            ownership=Ownership(store, wake, press, domains),
            wake=wake,
            ports=_ports(config),
            clock=now,
            captures=config.default_route is None,
            platform=press.platform,
            press=press,
            sending_addresses=config.sending_addresses,
            texts=config.texts,
            premises=Premises(
                route=config.default_route,
                folder=config.data_dir / "captured",
                data=config.data_dir,
                works=lambda: self._works,
                swept=lambda: crew.sweep.last,
                examine=examine,
            ),
            public_url=config.public_url,
            submission={},
            frame_ancestors=config.frame_ancestors,
            identity=outward.identity(config),
        )

    async def run(self, part: Part) -> None:
        """Run until SIGTERM or SIGINT, then finish what is on the wire."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopped.set)
        await self._begin(part)
        work = await self._entrance() if part.doors else self._wait
        async with asyncio.TaskGroup() as tasks:
            running = (self._committer.run, self._settler.run, self._lanes.tell)
            writers = [tasks.create_task(each()) for each in running]
            workers = self._crew.start(tasks, part.lanes_at_once) if part.lanes_at_once else []
            await work()
            await (self._crew.end(workers) if workers else self._ways.close())
            for task in writers:
                task.cancel()
        log.info("stopped")

    async def _begin(self, part: Part) -> None:
        if self._config.bootstrap_key and part.doors:
            async with self._store.platform() as rows:
                await rows.keep_platform_key(self._config.bootstrap_key, now())
        if not part.lanes_at_once:
            return
        self._works = True
        self._fresh.open()
        # Where nobody else can be at work, every lease is a dead worker's.
        while not self._database.shared and await self._outbox.free(now(), everything=True):
            pass
        await Connections(self._database).forget_platform(now())

    async def _entrance(self) -> Callable[[], Awaitable[None]]:
        """Open the doors; gives what serves there until it is stopped."""
        sockets.open_files()
        listening = sockets.listen("LETTERHEAD_LISTEN", self._config.listen)
        ways_in = sockets.submission(self._config)
        self._open(listening, sockets.ports(ways_in))
        await self._welcome()
        self._submission = self._smtp()
        server = doors.server(self._doors(), self._tls(), self._config.trusted_proxies)
        return partial(self._serve, server, listening, ways_in)

    async def _serve(
        self, server: doors.Server, listening: socket.socket, ways_in: Sequence[sockets.Door]
    ) -> None:
        taking = [partial(sockets.take, door=door) for door in ways_in]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._submission.run(taking, grace=doors.GRACE))
            stopping = tasks.create_task(self._stop(server))
            log.info("serving", port=listening.getsockname()[1], **self.office.submission)
            await server.serve(sockets=[listening])
            self._submission.stop()
            stopping.cancel()

    async def _stop(self, server: doors.Server) -> None:
        await self._stopped.wait()
        server.stop()
        self._submission.stop()

    async def _wait(self) -> None:
        log.info("working")
        await self._stopped.wait()

    def _tls(self) -> ssl.SSLContext | None:
        """Our certificate, read anew at SIGHUP; None leaves TLS to a proxy."""
        if self._config.tls is None:
            return None
        certificate = Certificate(*self._config.tls)
        context = certificate.context()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, doors.renew, certificate, context)
        return context

    def _open(self, listening: socket.socket, submission: Mapping[str, int]) -> None:
        """Tell the office where it is reached: ports that the system chose are known only now."""
        reached = doors.reached(self._config.public_url, listening)
        trial = replace(self.office.trial, public_url=reached)
        self.office = replace(self.office, public_url=reached, trial=trial, submission=submission)

    def _smtp(self) -> Submission:
        """The door for programs that speak SMTP."""
        host = urlsplit(self.office.public_url).hostname or "localhost"
        identity = Identity(sockets.files(self._config, host, now()))
        return Submission(self.office, identity, outward.ehlo(self._config))

    async def _welcome(self) -> None:
        """Say how the first operator comes in, as long as nobody can sign in."""
        if link := await people.set_up_link(self._store, self.office.public_url, now()):
            self._announce(f"Set up the first operator: {link}")

    def _doors(self) -> ASGIApp:
        """Pages for people, and everything else for programs."""
        programs = api.build(self.office, self._counts)
        pages = web.build(self.office, programs.openapi)

        async def both(scope: Scope, receive: Receive, send: Send) -> None:
            is_page = scope["type"] == "http" and scope["path"].split("/")[1] in web.SEGMENTS
            await (pages if is_page else programs)(scope, receive, send)

        return both

    def _counts(self) -> Mapping[str, Mapping[str, int]]:
        return {
            "recipients": {"accepted": self._committer.accepted, **self._settler.counts},
            "submission": self._submission.counts,
            "submission_sessions": {"open": self._submission.sessions},
        }


async def serve(config: Config, announce: Announce, examine: Examine, part: Part) -> None:
    """
    Run a part of the service; `announce` is told what the operator must read.

    `examine` looks for what is wrong with the installation, when an operator asks for it.
    """
    if part != Part():
        await operating.demand_ring(config)
    async with operating.opened(config, alone=True) as (database, store):
        service = Service(config, database, store, announce=announce, examine=examine)
        await service.run(part)


def _ports(config: Config) -> Ports:
    """Which ports the operator's exceptions open in the form."""
    named = frozenset(each.port for each in config.allowed if each.port is not None)
    unnamed = any(each.port is None for each in config.allowed)
    return Ports(named, FOREIGN_PORTS if unnamed else None)
