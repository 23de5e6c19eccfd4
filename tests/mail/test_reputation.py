"""When bounces and complaints are too many: before Amazon SES thinks so."""

import pytest

from letterhead.mail.reputation import Counts, Verdict, judge


@pytest.mark.parametrize(
    ("sent", "bounced", "complained", "expected"),
    [
        (0, 0, 0, []),
        (1_000, 29, 0, []),
        (1_000, 30, 0, [("bounced", Verdict.WARN)]),
        (1_000, 79, 0, [("bounced", Verdict.WARN)]),
        (1_000, 80, 0, [("bounced", Verdict.PAUSE)]),
        (100, 19, 0, []),  # too few to say anything
        (10, 40, 0, [("bounced", Verdict.PAUSE)]),  # of mails that were sent before
        (10_000, 0, 7, []),
        (10_000, 0, 8, [("complained", Verdict.WARN)]),
        (10_000, 0, 30, [("complained", Verdict.PAUSE)]),
        (50, 0, 4, []),
        (1_000, 90, 5, [("bounced", Verdict.PAUSE), ("complained", Verdict.PAUSE)]),
    ],
)
def test_shares_and_what_follows(
    sent: int, bounced: int, complained: int, expected: list[tuple[str, Verdict]]
) -> None:
    found = judge(Counts(sent=sent, bounced=bounced, complained=complained))

    assert [(each.limit.of, each.verdict) for each in found] == expected


def test_a_pause_is_told_in_words_and_lasts_a_day() -> None:
    bounces, complaints = judge(Counts(sent=1_000, bounced=91, complained=5))

    assert bounces.stuck.fault.code == "ses-too-many-bounces"
    assert complaints.stuck.fault.code == "ses-too-many-complaints"
    assert bounces.words == "9.10% of 1000 mails in 7 days"
    assert bounces.stuck.fault.pauses
    assert bounces.stuck.fault.hold.days == 1
