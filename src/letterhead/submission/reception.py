"""Who may come in, and what becomes of what they bring."""

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import datetime

from letterhead.actions import submission
from letterhead.actions.office import Office
from letterhead.actions.submission import Admitted, Parcel
from letterhead.errors import Forbidden, LetterheadError, TooMany
from letterhead.mail.letter import Receipt
from letterhead.submission.limits import SPAN, Failures
from letterhead.submission.signing_in import Credentials

_FRESH = 1.0  # seconds for which what is known of a key and its portal is believed
_KNOWN = 10_000  # keys that are remembered


@dataclass(frozen=True, slots=True)
class _Known:
    admitted: Admitted
    since: float


class Reception:
    """
    What all sessions share: who was let in lately, who failed lately, and what was counted.

    A portal's settings and its keys are looked up once a second for all of its sessions, so a
    key that is revoked opens nothing a second later.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self._failures = Failures()
        self._known: OrderedDict[Credentials, _Known] = OrderedDict()
        self._looking = asyncio.Lock()
        self.counts = Counter(accepted=0, refused=0, sign_in_failed=0, sign_in_throttled=0)

    async def sign_in(self, shown: Credentials, address: str) -> Admitted | None:
        """Let somebody in; None where portal and key do not fit."""
        if self._failures.too_many(address, shown.slug, _seconds()):
            self.counts["sign_in_throttled"] += 1
            detail = f"Too many sign-ins failed: try again in {int(SPAN) // 60} minutes."
            raise TooMany(detail, retry_after=int(SPAN))
        try:
            admitted = await self._look_up(shown)
        except Forbidden:
            self._note_failure(shown, address)
            raise
        if admitted is None:
            self._note_failure(shown, address)
        return admitted

    def fresh(self, shown: Credentials) -> Admitted | None:
        """Who is let in by this, if that was looked up just now."""
        known = self._known.get(shown)
        return known.admitted if known and _seconds() - known.since < _FRESH else None

    async def again(self, shown: Credentials) -> Admitted | None:
        """Who is let in by this now; None if nobody is any more."""
        try:
            return self.fresh(shown) or await self._look_up(shown)
        except Forbidden:
            return None

    def demand_own_from(self, admitted: Admitted, address: str) -> None:
        submission.demand_own_from(admitted.portal, self._office.platform, address)

    async def hand_in(self, admitted: Admitted, parcel: Parcel) -> Receipt:
        """Keep a message; it is on disk when this returns."""
        try:
            receipt = await submission.hand_in(self._office.intake, admitted, parcel, self._now())
        except LetterheadError:
            self.counts["refused"] += 1
            raise
        self.counts["accepted"] += 1
        return receipt

    async def _look_up(self, shown: Credentials) -> Admitted | None:
        async with self._looking:
            if found := self.fresh(shown):
                return found
            store = self._office.store
            admitted = await submission.admit(store, shown.slug, shown.key, self._now())
            self._remember(shown, admitted)
            return admitted

    def _remember(self, shown: Credentials, admitted: Admitted | None) -> None:
        self._known.pop(shown, None)
        if admitted:
            self._known[shown] = _Known(admitted, _seconds())
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    def _note_failure(self, shown: Credentials, address: str) -> None:
        self.counts["sign_in_failed"] += 1
        self._failures.note(address, shown.slug, _seconds())

    def _now(self) -> datetime:
        return self._office.clock()


def _seconds() -> float:
    return asyncio.get_running_loop().time()
