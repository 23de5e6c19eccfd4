"""Passwords: hash one, compare one, change one's own."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from letterhead.actions import throttle
from letterhead.errors import Invalid, Problem
from letterhead.mail.rights import SIGNED_IN, password_problem
from letterhead.mail.said import said
from letterhead.mail.secret import Secret
from letterhead.store.people import Session
from letterhead.store.store import Store

_HASHER = PasswordHasher()
# Compared with where there is no such account, so that both take the same time. What was hashed
# is a long random word that nobody has kept.
NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$ghxJj+QuXMfgmt1"
    "Hit9S4w$ZhBimgnS72TJS8yO1uJqc30YRXePNMrxvxiKPwCeKHo"
)


@dataclass(frozen=True, slots=True)
class Login:
    """What somebody shows to be let in, and from which address."""

    email: str  # in small letters
    password: Secret
    client: str


async def hashed(password: Secret) -> str:
    """With argon2id and a salt of its own; off the event loop, since it is slow on purpose."""
    return await asyncio.to_thread(_HASHER.hash, password.reveal())


async def unknown() -> str:
    """A hash that no password fits which anybody knows."""
    return await hashed(Secret(secrets.token_urlsafe()))


async def compared(store: Store, login: Login, now: datetime) -> str | None:
    """The hash of the account, if its password is right; TooMany if it was wrong too often."""
    async with store.people() as rows:
        tried = await throttle.counted(rows, throttle.of_password(login.email, login.client), now)
        found = await rows.password_hash(login.email)
    right = await asyncio.to_thread(_is_right, found or NOBODY, login.password)
    if not right or found is None:
        return None
    async with store.people() as rows:
        await rows.forgive(tried)
    return found


async def demand(store: Store, login: Login, now: datetime) -> None:
    """Refuse to go on without the password of an account."""
    if await compared(store, login, now) is None:
        raise Invalid([Problem("password", "wrong", said("This is not your password."))])


async def change(store: Store, login: Login, new: Secret, now: datetime) -> Secret:
    """Change one's own password; every session ends, and gives what the new one's cookie holds."""
    if message := password_problem(new.reveal()):
        raise Invalid([Problem("new_password", "invalid", message)])
    await demand(store, login, now)
    kept = await hashed(new)
    async with store.people() as rows:
        await rows.keep_password(login.email, kept, now)
        return await rows.begin(Session(email=login.email, expires=now + SIGNED_IN), now)


def _is_right(hashed: str, password: Secret) -> bool:
    try:
        return _HASHER.verify(hashed, password.reveal())
    except VerificationError:
        return False
