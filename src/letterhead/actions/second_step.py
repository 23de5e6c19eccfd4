"""The second step of a sign-in by password: switch it on, ask for it, switch it off."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

import pyotp

from letterhead.actions import passwords, throttle
from letterhead.actions.passwords import Login
from letterhead.errors import Invalid, NotFound, Problem
from letterhead.mail import totp
from letterhead.mail.rights import SIGNED_IN, TicketKind
from letterhead.mail.said import said
from letterhead.mail.secret import Secret
from letterhead.store.people import PeopleRows, Session
from letterhead.store.store import Store

RECOVERY_CODES = 10
_RECOVERY_BYTES = 10  # 80 bits
_SECRET_LENGTH = 32  # characters of base32: 160 bits (RFC 4226, section 4)


def new_secret() -> Secret:
    """A secret for an app; it counts from `switch_on` only."""
    return Secret(pyotp.random_base32(_SECRET_LENGTH))


async def switch_on(
    store: Store, email: str, secret: Secret, code: str, *, now: datetime
) -> Sequence[str]:
    """Ask for a code from now on; gives the recovery codes, which can be seen this once."""
    if not _is_secret(secret):
        raise Invalid(
            [Problem("secret", "invalid", said("Begin anew: this key is not one of ours."))]
        )
    step = totp.matching_step(secret, _read(code), now)
    if step is None:
        message = said("This is not the code of this moment. Is the clock of your phone right?")
        raise Invalid([Problem("code", "wrong", message)])
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    async with store.people() as rows:
        await rows.second_steps.keep(email, secret, codes, now)
        await rows.second_steps.use(email, step)
    return [_shown(each) for each in codes]


async def finish(store: Store, token: str, code: str, now: datetime) -> Secret | None:
    """Take the code of somebody whose password was right; None if it is wrong."""
    async with store.people() as rows:
        ticket = await rows.find(token, TicketKind.SECOND_STEP, now)
        if ticket is None:
            raise NotFound(said("This took too long: sign in again."))
        if not await _is_right(rows, ticket.email, code, now):
            return None
        await rows.take(token, TicketKind.SECOND_STEP, now)
        return await rows.begin(Session(email=ticket.email, expires=now + SIGNED_IN), now)


async def switch_off(store: Store, login: Login, code: str, now: datetime) -> None:
    """Ask for no code any more; takes the password and a code, or a recovery code."""
    await passwords.demand(store, login, now)
    async with store.people() as rows:
        right = await _is_right(rows, login.email, code, now)
        if right:
            await rows.second_steps.remove(login.email)
    if not right:
        message = said("This code is wrong, or was used already.")
        raise Invalid([Problem("code", "wrong", message)])


async def _is_right(rows: PeopleRows, email: str, code: str, now: datetime) -> bool:
    """Use a code of the app, or a recovery code, up."""
    tried = await throttle.counted(rows, throttle.of_code(email), now)
    typed = _read(code)
    by = _used_up if totp.is_code(typed) else _recovered
    right = await by(rows, email, typed, now)
    if right:
        await rows.forgive(tried)
    return right


async def _used_up(rows: PeopleRows, email: str, code: str, now: datetime) -> bool:
    secret = await rows.second_steps.secret(email)
    step = totp.matching_step(secret, code, now) if secret else None
    return step is not None and await rows.second_steps.use(email, step)


async def _recovered(rows: PeopleRows, email: str, code: str, _now: datetime) -> bool:
    return await rows.second_steps.use_recovery_code(email, code)


def _read(code: str) -> str:
    """A code as it is kept, however it is typed."""
    return "".join(code.split()).replace("-", "").lower()


def _recovery_code() -> str:
    return base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()


def _shown(code: str) -> str:
    """In groups of four, to be read and typed."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def _is_secret(secret: Secret) -> bool:
    try:
        return len(base64.b32decode(secret.reveal())) * 8 == _SECRET_LENGTH * 5
    except ValueError:
        return False
