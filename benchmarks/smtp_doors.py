"""
Doors for SMTP that keep nothing: aiosmtpd's and ours, to compare what the protocol alone costs.

    python -m benchmarks.smtp_doors aiosmtpd|ours --certificate F --key F

Prints its port, and serves until it is ended. Both take every login.
"""

import argparse
import asyncio
import ssl
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import uvloop
from aiosmtpd.smtp import SMTP, AuthResult

from letterhead.actions.submission import Admitted, Parcel
from letterhead.submission.certificate import Files, Identity
from letterhead.submission.content import Room
from letterhead.submission.limits import Limits
from letterhead.submission.reception import Reception
from letterhead.submission.session import Session


class Nobody:
    """Lets everybody in, and forgets what they bring."""

    async def sign_in(self, *_: object) -> Admitted:
        return cast("Admitted", self)

    def fresh(self, *_: object) -> Admitted:
        return cast("Admitted", self)

    async def again(self, *_: object) -> Admitted:
        return cast("Admitted", self)

    def demand_own_from(self, *_: object) -> None:
        """Everything is allowed."""

    async def hand_in(self, *_: Admitted | Parcel) -> SimpleNamespace:
        return SimpleNamespace(id="none")


class House:
    """What our session needs around it."""

    def __init__(self, files: Files) -> None:
        self.name = "door.test"
        self.limits = Limits()
        self.identity = Identity(files)
        self.room = Room()
        self.reception = cast("Reception", Nobody())
        self._tasks: set[asyncio.Task[None]] = set()

    def leave(self, session: Session) -> None:
        """Nobody counts."""

    def begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Handler:
    """aiosmtpd's way to say that everything is taken."""

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802 - aiosmtpd calls it so
        return "250 2.0.0 Ok"


async def serve(which: str, files: Files) -> None:
    """Listen on a free port."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(files.certificate, files.key)
    house = House(files)

    def theirs() -> asyncio.Protocol:
        made: asyncio.Protocol = SMTP(
            Handler(),
            hostname="door.test",
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            authenticator=lambda *_: AuthResult(success=True),
        )
        return made

    def ours() -> asyncio.Protocol:
        return Session(house, "127.0.0.1", implicit=False)

    made = {"aiosmtpd": theirs, "ours": ours}[which]
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the command line, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=["aiosmtpd", "ours"])
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    asked = parser.parse_args()
    uvloop.run(serve(asked.which, Files(asked.certificate, asked.key)))


if __name__ == "__main__":
    main()
