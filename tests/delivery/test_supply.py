"""Which mails may be handed over at once."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import pytest

from letterhead.delivery.supply import together
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
