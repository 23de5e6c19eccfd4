"""Merging an SPF record: ours comes in, everything else stays, and there is one record."""

from hypothesis import given
from hypothesis import strategies as st

from letterhead.mail import spf, spf_record

WANTED = spf.Wanted(includes=("spf.protection.outlook.com",))
TERM = "include:spf.protection.outlook.com"

others = st.lists(
    st.sampled_from(
        [
            *("ip4:192.0.2.0/24", "ip6:2001:db8::/32", "a", "mx", "a:mail.hart.test", "mx/24"),
            *("include:_spf.google.com", "?include:servers.test", "ptr", "exp=why.hart.test"),
            *("exists:%{i}.hart.test", "x-own=value"),
        ]
    ),
    max_size=8,
    unique=True,
)
ends = st.sampled_from([["~all"], ["-all"], ["?all"], ["ALL"], ["redirect=_spf.test.test"], []])


@given(others, ends)
def test_their_terms_stay_and_ours_stands_in_front_of_the_end(
    kept: list[str], end: list[str]
) -> None:
    record = " ".join(["v=spf1", *kept, *end])

    changed = spf.merged(record, [TERM])

    assert changed.split(" ") == ["v=spf1", *kept, TERM, *end]
    assert [each.text for each in spf_record.parse(changed).terms] == [*kept, TERM, *end]


@given(others, ends, st.sampled_from(["-", "~", "?"]))
def test_ours_comes_before_what_speaks_against_it(
    kept: list[str], end: list[str], sign: str
) -> None:
    record = " ".join(["v=spf1", f"{sign}{TERM}", *kept, *end])

    changed = spf.merged(record, [TERM])

    assert changed.split(" ") == ["v=spf1", TERM, f"{sign}{TERM}", *kept, *end]


@given(others, ends)
def test_who_publishes_what_is_shown_has_one_record_that_lets_the_provider_send(
    kept: list[str], end: list[str]
) -> None:
    record = spf_record.parse(" ".join(["v=spf1", *kept, *end]))
    before = spf.Node("hart.test", record.text, terms=tuple(record.effective))

    publish = spf.judge(before, WANTED).publish

    assert publish is not None
    assert spf_record.is_spf(publish)
    assert publish.lower().count("v=spf1") == 1
    after = spf.Node("hart.test", publish, terms=tuple(spf_record.parse(publish).effective))
    again = spf.judge(after, WANTED)
    assert (again.state, again.publish) == (spf.State.PASS, None)


@given(st.text(max_size=60), st.text("v=spf1 inclde:+-~?alm.%{}/0123456789xtrhposky", max_size=80))
def test_every_text_is_a_record_or_not(wild: str, near: str) -> None:
    for text in (f"v=spf1 {wild}", f"v=spf1 {near}"):
        try:
            found = spf_record.parse(text)
        except spf_record.NotSpf as error:
            assert str(error)  # noqa: PT017 - it says what is wrong
        else:
            assert " ".join(each.text for each in found.terms) in " ".join(text.split())
