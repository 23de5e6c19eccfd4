"""Which mails may be handed over at once."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pytest

from letterhead.delivery.supply import Batch, Supply, together
from letterhead.mail.letter import Claim
from tests.delivery.test_settling import claim

SMALL = [claim(at) for at in range(5)]
HELD = replace(claim(7), resend=False)
LARGE = replace(claim(8), size=65 * 1024)
HALF = replace(claim(9), size=33 * 1024)


@pytest.mark.parametrize(
    ("claims", "window", "sizes"),
    [
        ([], 4, []),
        (SMALL, 1, [1, 1, 1, 1, 1]),
        (SMALL, 4, [4, 1]),
        (SMALL, 8, [5]),
        ([*SMALL[:2], HELD, *SMALL[2:]], 4, [2, 1, 3]),
        ([HELD, HELD], 4, [1, 1]),
        ([*SMALL[:2], LARGE, *SMALL[2:]], 4, [2, 1, 3]),
        ([HALF, HALF, *SMALL[:1]], 4, [1, 2]),
    ],
    ids=["none", "off", "four", "eight", "held", "all held", "large", "together too large"],
)
def test_mails_share_in_their_order_unless_one_is_held_or_large(
    claims: Sequence[Claim], window: int, sizes: Sequence[int]
) -> None:
    waiting = deque(claims)
    groups = [together(waiting, window) for _ in sizes]

    assert [len(each) for each in groups] == sizes
    assert not waiting
    assert [each for group in groups for each in group] == claims


async def test_what_has_no_body_is_passed_over() -> None:
    whole, lost = [*SMALL, LARGE], {SMALL[1].message_id, LARGE.message_id}

    async def no_more() -> Batch | None:
        raise AssertionError("all are there")

    async def read(message_ids: Iterable[str]) -> Mapping[str, bytes]:
        return {each: b"Dear Anna" for each in message_ids if each not in lost}

    supply = Supply(Batch(whole, is_all=True), no_more, read)
    taken = [await supply.take(1) for _ in whole]
    supply.demand()

    expected = [each for each in SMALL if each.message_id not in lost]
    assert [claim for part in taken for claim, _ in part] == expected
    assert list(supply.end()) == []
