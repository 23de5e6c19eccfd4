"""One connection: octets in, replies out, TLS, and an end for every wait."""

import asyncio
from collections.abc import Coroutine
from typing import Protocol, cast

import structlog

from letterhead.actions.submission import Parcel
from letterhead.errors import LetterheadError
from letterhead.submission import replies
from letterhead.submission.certificate import Identity
from letterhead.submission.content import Room
from letterhead.submission.dialogue import Begin, Dialogue, Encrypt, Leave, Step, Wish
from letterhead.submission.limits import Limits
from letterhead.submission.reception import Reception
from letterhead.submission.signing_in import Credentials

log = structlog.get_logger(__name__)

_UNREAD = 256 * 1024  # octets that wait for their turn; more are left to the network


class House(Protocol):
    """What a session needs of the server that it belongs to."""

    name: str
    limits: Limits
    identity: Identity
    room: Room
    reception: Reception

    def leave(self, session: "Session") -> None: ...

    def begin(self, work: Coroutine[object, object, None]) -> None:
        """Own a task."""
        ...


class Session(asyncio.Protocol):
    """Does what its dialogue wishes, one thing after the other."""

    def __init__(self, house: House, address: str, *, implicit: bool) -> None:
        self._house = house
        self._implicit = implicit
        self.address = address
        self._loop = asyncio.get_running_loop()
        self._dialogue = Dialogue(house.name, house.room)
        self._transport: asyncio.Transport | None = None
        self._shown: Credentials | None = None
        self._busy = False  # with a wish
        self._deaf = False  # we read nothing for a while
        self._unheard = False  # the other side does not read what we say
        self._closing = False  # the service stops
        self._leaving = False
        self._until = self._entrance_ends = self._loop.time() + house.limits.entrance
        self._timer: asyncio.TimerHandle | None = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no such class
        self._set_timer(self._until)
        if self._implicit:
            self._dialogue.encrypt()
        self._say([replies.reply(f"220 {self._house.name} ESMTP Letterhead")])

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            return
        self._dialogue.feed(data)
        self._go_on()
        if self._dialogue.unread > _UNREAD:
            self._hear(on=False)

    def pause_writing(self) -> None:
        self._unheard = True

    def resume_writing(self) -> None:
        self._unheard = False
        self._go_on()
        self._hear(on=True)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._leaving = True
        self._dialogue.close()
        if self._timer:
            self._timer.cancel()
        self._house.leave(self)

    # What the server asks

    def close(self) -> None:
        """The service stops: a message that is on its way in gets its answer first."""
        self._closing = True
        if not self._busy and not self._dialogue.in_message:
            self._leave(replies.CLOSING)

    def abort(self) -> None:
        """End the connection without a word."""
        if self._transport:
            self._transport.abort()

    # Step by step

    def _go_on(self) -> None:
        said: list[bytes] = []
        before = self._until
        while not (self._busy or self._unheard or self._leaving):
            step = self._next()
            if step is None:
                break
            self._until = 0.0  # something whole has come
            if isinstance(step, bytes):
                said.append(step)
            else:
                self._say(said)
                self._wish(step)
        self._say(said)
        if self._until != before:
            self._set_until()
        if self._closing:
            self.close()

    def _next(self) -> Step:
        step = self._dialogue.step()
        if isinstance(step, Begin) and self._shown and self._house.reception.fresh(self._shown):
            return self._begin(step)
        return step

    def _say(self, said: list[bytes]) -> None:
        if text := b"".join(said):
            self._on().write(text)
        said.clear()

    def _hear(self, *, on: bool) -> None:
        if self._deaf is on:
            self._deaf = not on
            act = self._on().resume_reading if on else self._on().pause_reading
            act()

    def _wish(self, wish: Wish) -> None:
        if isinstance(wish, Leave):
            self._leave(wish.reply)
            return
        self._busy = True
        if isinstance(wish, Encrypt):
            self._on().pause_reading()  # what comes now is no clear text; `start_tls` goes on
            self._say([replies.READY_FOR_TLS])
        self._house.begin(self._fulfil(wish))

    async def _fulfil(self, wish: Wish) -> None:
        try:
            done = await self._fulfilled(wish)
        except LetterheadError as error:
            done = replies.refusal(error)
        except Exception:
            log.exception("submission broke")
            done = replies.FAULT
        self._busy = False
        if isinstance(done, Leave):
            self._leave(done.reply)
        elif not self._leaving:
            self._say([done])
            self._hear(on=True)
            self._go_on()

    async def _fulfilled(self, wish: Wish) -> bytes | Leave:
        match wish:
            case Encrypt():
                return await self._encrypt()
            case Credentials():
                return await self._sign_in(wish)
            case Begin():
                await self._look_again()
                return self._begin(wish)
            case Parcel():
                return await self._hand_in(wish)
            case Leave():
                return wish

    async def _encrypt(self) -> bytes | Leave:
        limits = self._house.limits
        try:
            made = await self._loop.start_tls(
                self._on(),
                self,
                self._house.identity.context(),
                server_side=True,
                ssl_handshake_timeout=limits.tls,
                ssl_shutdown_timeout=limits.leave,
            )
        except OSError:
            made = None
        if made is None:
            return Leave(b"")
        self._transport = made
        self._dialogue.encrypt()
        return b""

    async def _sign_in(self, shown: Credentials) -> bytes | Leave:
        try:
            admitted = await self._house.reception.sign_in(shown, self.address)
        except LetterheadError as error:
            return self._dialogue.turn_away(replies.refusal(error))
        if admitted is None:
            return self._dialogue.turn_away(replies.WRONG_KEY)
        self._shown = shown
        self._dialogue.admit()
        return replies.SIGNED_IN

    async def _look_again(self) -> None:
        if self._shown:
            await self._house.reception.again(self._shown)

    def _begin(self, wish: Begin) -> bytes:
        admitted = self._house.reception.fresh(self._shown) if self._shown else None
        if admitted is None:
            self._dialogue.lose_key()
            return replies.KEY_IS_GONE
        try:
            self._house.reception.demand_own_from(admitted, wish.sender)
        except LetterheadError as error:
            return replies.refusal(error)
        self._dialogue.begin(wish.sender)
        return replies.SENDER_OK

    async def _hand_in(self, parcel: Parcel) -> bytes:
        reception = self._house.reception
        admitted = await reception.again(self._shown) if self._shown else None
        if admitted is None:
            self._dialogue.lose_key()
            return replies.KEY_IS_GONE
        receipt = await reception.hand_in(admitted, parcel)
        self._dialogue.accept()
        return replies.reply(f"250 2.0.0 Ok: queued as {receipt.id}")

    def _on(self) -> asyncio.Transport:
        assert self._transport is not None  # noqa: S101 - set before anything else happens
        return self._transport

    # Ends

    def _leave(self, reply: bytes) -> None:
        """Say the last word, and hang up when it was heard or some time has passed."""
        if self._leaving:
            return
        self._leaving = True
        self._say([reply])
        self._on().close()
        self._set_timer(self._loop.time() + self._house.limits.leave)

    def _set_until(self) -> None:
        """By when the next thing must have come, however it drips in."""
        limits, now = self._house.limits, self._loop.time()
        patience = limits.message if self._dialogue.in_message else limits.command
        self._until = now + patience if self._dialogue.signed_in else self._entrance_ends
        if not self._leaving and (self._timer is None or self._timer.when() > self._until):
            self._set_timer(self._until)

    def _set_timer(self, when: float) -> None:
        """One timer, which is set rarely: most waits end long before it."""
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._leaving:
            self.abort()
        elif self._busy:  # it is we who are waited for
            self._set_timer(self._loop.time() + self._house.limits.leave)
        elif self._loop.time() >= self._until:
            self._leave(replies.TIMED_OUT)
        else:
            self._set_timer(self._until)
