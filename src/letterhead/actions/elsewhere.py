"""Sign in by the identity provider of the operator."""

from collections.abc import Mapping
from datetime import datetime

from letterhead.actions import throttle
from letterhead.actions.vouching import Identity
from letterhead.errors import Forbidden
from letterhead.mail.registration import Attempt
from letterhead.mail.rights import CODE_AWAITED, SIGNED_IN, TicketKind
from letterhead.mail.said import said
from letterhead.mail.secret import Secret
from letterhead.store.people import Session, Ticket, digest
from letterhead.store.store import Store


async def begin(store: Store, client: str, now: datetime) -> Secret:
    """What the browser keeps that is sent to the provider; it is good for one answer."""
    async with store.people() as rows:
        await throttle.counted(rows, throttle.of_beginnings(client), now)
        made = Ticket(kind=TicketKind.PROVIDER, expires=now + CODE_AWAITED)
        return await rows.issue(made, now)


def attempt(token: str, public_url: str) -> Attempt:
    """What is sent along, made from what the browser keeps: nobody else can know or guess it."""
    return Attempt(
        token=token,
        state=digest(f"state {token}"),
        nonce=digest(f"nonce {token}"),
        verifier=digest(f"verifier {token}"),
        back=f"{public_url}/sign-in/provider/back",
    )


async def finish(
    store: Store, identity: Identity, tried: Attempt, answer: Mapping[str, str], *, now: datetime
) -> Secret:
    """Sign in whom the provider vouches for, if somebody has added them here."""
    async with store.people() as rows:
        if await rows.take(tried.token, TicketKind.PROVIDER, now) is None:
            raise Forbidden(said("This sign-in was not begun here: begin it anew."))
    email = await identity.email(answer, tried, now)
    async with store.people() as rows:
        if not await rows.is_known(email):
            raise Forbidden(said("Nobody has added {email} here.", email=email))
        made = Session(email=email, expires=now + SIGNED_IN, verified=True)
        return await rows.begin(made, now)
