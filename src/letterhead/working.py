"""Puts together who delivers, from a `Config`."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import import_module

from letterhead.config import Config
from letterhead.delivery.calling import Calling
from letterhead.delivery.crew import Crew, Engine
from letterhead.delivery.drain import Drain
from letterhead.delivery.following import Following
from letterhead.delivery.handover import Handover
from letterhead.delivery.herald import Herald
from letterhead.delivery.lanes import Lanes
from letterhead.delivery.leaving import Leaving
from letterhead.delivery.polling import Polling
from letterhead.delivery.prune import Kept, Prune
from letterhead.delivery.rehearsal import Rehearsal
from letterhead.delivery.seats import OwnSeats
from letterhead.delivery.settling import Settler
from letterhead.delivery.shared_seats import SharedSeats
from letterhead.delivery.standing import Standing
from letterhead.delivery.sweep import Sweep
from letterhead.mail.notice import Press
from letterhead.store.connections import Connections
from letterhead.store.database import Database
from letterhead.store.handing import Elsewhere, Hands
from letterhead.store.history import History
from letterhead.store.leaving import Leaving as LeavingRows
from letterhead.store.news import NewsRows
from letterhead.store.outbox import Outbox
from letterhead.store.seats import SeatRows
from letterhead.transports import capture
from letterhead.transports.choose import Ways


@dataclass(frozen=True, slots=True)
class Team:
    """What those who deliver share with the rest of the service."""

    outbox: Outbox
    ways: Ways
    lanes: Engine
    settler: Settler
    press: Press
    following: Following
    polling: Polling
    calling: Calling
    clock: Callable[[], datetime]


def lanes(database: Database, clock: Callable[[], datetime]) -> Engine:
    """A queue in memory, or one that many processes share."""
    if not database.shared:
        return Lanes()
    shared: Engine = import_module("letterhead.sharing").lanes(database, clock)
    return shared


def hands(lanes: Engine, drain: Drain) -> Hands:
    """Who takes over what is accepted: the lanes of this process, or whoever hears of it."""
    return Handover(lanes, drain) if isinstance(lanes, Lanes) else Elsewhere(lanes.wake)


def crew(config: Config, database: Database, team: Team) -> Crew:
    """Everybody who delivers."""
    outbox, connections = team.outbox, Connections(database)
    ways, clock = team.ways, team.clock
    rows = SeatRows(database, secrets.token_hex(16))
    seats = SharedSeats(rows, ways.rest, clock) if database.shared else OwnSeats()
    platform = team.press.platform
    drain = Drain(
        outbox=outbox,
        connections=connections,
        ways=ways,
        standing=Standing(connections, ways, clock),
        seats=seats,
        settler=team.settler,
        rehearsal=Rehearsal(ways, connections, team.settler, platform=platform, clock=clock),
        platform=platform,
        limits=config.default_limits,
        clock=clock,
    )
    herald = Herald(NewsRows(database), team.lanes, team.press, clock)
    sweep = Sweep(outbox, team.lanes, herald, clock)
    prune = _prune(config, database, team)
    leaving = Leaving(LeavingRows(database), clock)
    return Crew(
        lanes=team.lanes,
        drain=drain,
        seats=seats,
        sweep=sweep,
        prune=prune,
        following=team.following,
        polling=team.polling,
        leaving=leaving,
        calling=team.calling,
        leave=ways.close,
    )


def _prune(config: Config, database: Database, team: Team) -> Prune:
    kept = Kept(config.keep_bodies, config.keep_messages, config.keep_captured)
    captured = partial(capture.forget, config.data_dir / "captured")
    return Prune(History(database), captured, kept, team.clock, jobs=team.lanes.forget)
