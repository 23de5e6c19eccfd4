"""The mail of a burst: claimed in batches and read in parts, when whoever sends asks for more."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from letterhead import failpoints
from letterhead.delivery.attempt import may_all_share
from letterhead.mail.letter import Claim

_PART = 4 * 1024 * 1024  # bytes of bodies in memory at a time, or one body if it is larger

Read = Callable[[Iterable[str]], Awaitable[Mapping[str, bytes]]]  # bodies, by message ids


class Batch(NamedTuple):
    """What was claimed at once, and whether that was all that is due."""

    claims: Sequence[Claim]
    is_all: bool


More = Callable[[], Awaitable[Batch | None]]  # the next batch; None: not in this burst


class Supply:
    """
    Gives claims with their bodies, in their order.

    Who finds none at hand waits until the next ones are claimed and read; all others go on with
    theirs meanwhile. A failure ends it: nobody is to be stopped for it in the middle of a mail.
    """

    def __init__(self, first: Batch, more: More, read: Read) -> None:
        self._unread = deque(_parts(first.claims))
        self._more = more
        self._read = read
        self._is_over = False
        self.is_all = first.is_all  # what comes meanwhile wakes the lane
        self._ready: deque[Claim] = deque()
        self._bodies: Mapping[str, bytes] = {}
        self._turn = asyncio.Lock()
        self._failure: Exception | None = None

    @property
    def waiting(self) -> int:
        """How many claims are there that nobody has taken."""
        return len(self._ready) + sum(map(len, self._unread))

    async def take(self, most: int) -> Sequence[tuple[Claim, bytes]]:
        """Some claims that may leave together; none if there are no more."""
        if not self._ready:
            async with self._turn:
                await self._load()
        return self.at_hand(most)

    def at_hand(self, most: int) -> Sequence[tuple[Claim, bytes]]:
        """The same, of what is read already."""
        return [(each, self._bodies[each.message_id]) for each in together(self._ready, most)]

    def end(self) -> Iterator[Claim]:
        """What nobody has taken."""
        yield from self._ready
        for part in self._unread:
            yield from part

    def demand(self) -> None:
        """Raise what went wrong, if something did."""
        if self._failure:
            raise self._failure

    async def _load(self) -> None:
        """Have some at hand, unless somebody has brought them meanwhile."""
        if self._ready or self._failure:
            return
        try:
            if not (self._unread or self.is_all or self._is_over):
                await self._claim()
            while self._unread and not self._ready:
                self._bodies = await self._read({each.message_id for each in self._unread[0]})
                self._ready += [each for each in self._unread.popleft() if self._is_whole(each)]
                failpoints.reach("loaded")
        except Exception as error:  # noqa: BLE001 - `demand` raises it
            self._failure = error

    def _is_whole(self, claim: Claim) -> bool:
        """Whether the body is there: one that is missing comes round again, and stops nobody."""
        return claim.message_id in self._bodies

    async def _claim(self) -> None:
        batch = await self._more()
        if batch is None:
            self._is_over = True
        else:
            self._unread += _parts(batch.claims)
            self.is_all = batch.is_all


def together(waiting: deque[Claim], most: int) -> list[Claim]:
    """Take the first claims, as many as may be sent at once."""
    group: list[Claim] = []
    while waiting and len(group) < most and (not group or may_all_share([*group, waiting[0]])):
        group.append(waiting.popleft())
    return group


def _parts(claims: Sequence[Claim]) -> Iterator[Sequence[Claim]]:
    """Cut claims so that the bodies of each part fit into memory."""
    part: list[Claim] = []
    size = 0
    for claim in claims:
        if part and size + claim.size > _PART:
            yield part
            part, size = [], 0
        part.append(claim)
        size += claim.size
    if part:
        yield part
