"""SPF over real DNS packets: what stands in the DNS, what it means, and what to publish."""

from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from letterhead.dns import Dns
from letterhead.mail import spf
from letterhead.mail.spf import State, Verdict, Wanted
from tests.bad_inputs import Row, rows
from tests.servers.scripted_dns import SERVFAIL, SILENCE, ScriptedDns, Zone

OUTLOOK = "spf.protection.outlook.com"
GOOGLE = "_spf.google.com"
ME = "hart.test"
TERM = f"include:{OUTLOOK}"
OURS6 = "ip6:2001:db8::/48"
WANTED = Wanted(includes=(OUTLOOK,))


def quoted(*texts: str) -> list[str]:
    return [" ".join(f'"{part}"' for part in _parts(text)) for text in texts]


def _parts(text: str) -> list[str]:
    """A TXT record is made of strings of up to 255 octets."""
    return [text[at : at + 255] for at in range(0, len(text), 255)] or [""]


def txt(*texts: str) -> dict[str, list[str]]:
    return {"TXT": quoted(*texts)}


def chain(length: int) -> Zone:
    """Domains that include each other in a row."""
    links = {
        f"deep{at}.test": txt(f"v=spf1 include:deep{at + 1}.test -all") for at in range(1, length)
    }
    return {**links, f"deep{length}.test": txt("v=spf1 ip4:192.0.2.1 -all")}


WORLD: Zone = {
    OUTLOOK: txt("v=spf1 ip4:40.92.0.0/15 ip4:52.100.0.0/14 -all"),
    GOOGLE: txt("v=spf1 include:_netblocks.google.com ~all"),
    "_netblocks.google.com": txt("v=spf1 ip4:35.190.247.0/24 ~all"),
    "filter.test": txt(f"v=spf1 include:{OUTLOOK} -all"),
    "loop1.test": txt("v=spf1 include:loop2.test -all"),
    "loop2.test": txt("v=spf1 include:loop1.test -all"),
    "broken.test": SERVFAIL,
    "silent.test": SILENCE,
    "norecord.test": txt("hello"),
    "void1.test": {},
    "open.test": txt("v=spf1 mx +all"),
    f"sub.{OUTLOOK}": txt("v=spf1 -all"),
    "alias2.test": {"CNAME": ["filter.test."]},
    "alias.test": {"CNAME": ["open2.test."]},
    "open2.test": txt("v=spf1 ip4:192.0.2.9 -all"),
    "farm.test": {"MX": [f"10 mx{at}.test." for at in range(11)]},
    "mailhost.test": {"A": ["192.0.2.7"], "MX": ["10 mx.test."]},
    "two.test": txt("v=spf1 -all", "v=spf1 ~all"),
    "many.test": txt("v=spf1 a mx ptr a:mailhost.test mx:mailhost.test exists:mailhost.test -all"),
    **chain(11),
}


@pytest.fixture
async def world() -> AsyncIterator[ScriptedDns]:
    server = ScriptedDns(WORLD)
    udp, tcp = await server.listen()
    yield server
    udp.close()
    tcp.close()
    await tcp.wait_closed()


async def look(
    world: ScriptedDns, *records: str, includes: tuple[str, ...] = (OUTLOOK,)
) -> Verdict:
    """Judge a domain with these TXT records."""
    world.zone = {**WORLD, ME: {"A": ["192.0.2.1"], "MX": ["10 mx.test."], **txt(*records)}}
    tree = await Dns([("127.0.0.1", world.port)]).spf(ME)
    return spf.judge(tree, Wanted(includes=includes))


PASSES = [
    f"v=spf1 include:{OUTLOOK} ~all",
    f"v=spf1 include:{OUTLOOK} -all",
    f"v=spf1 include:{OUTLOOK} ?all",
    f"v=spf1 include:{OUTLOOK}",
    f"v=spf1 include:{OUTLOOK}. ~all",
    f"v=spf1  include:{OUTLOOK}  ~all ",
    f"V=SPF1 INCLUDE:{OUTLOOK.upper()} ~ALL",
    f"v=spf1 +include:{OUTLOOK} ~all",
    f"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a mx include:{OUTLOOK} ~all",
    f"v=spf1 include:{GOOGLE} include:{OUTLOOK} ~all",
    "v=spf1 include:filter.test ~all",
    f"v=spf1 redirect={OUTLOOK}",
    "v=spf1 redirect=filter.test",
    f"v=spf1 a/24 mx/24 a:mailhost.test/24//64 include:{OUTLOOK} ~all",
    f"v=spf1 exists:%{{i}}._spf.%{{d2}}.test include:{OUTLOOK} -all",
    f"v=spf1 unknown=value include:{OUTLOOK} ~all",
    f"v=spf1 exp=explain.test include:{OUTLOOK} ~all",
    f"v=spf1 ptr include:{OUTLOOK} ~all",
    f"v=spf1 a:colon:in/name.test include:{OUTLOOK} ~all",
    f"v=spf1 a:void1.test mx:void1.test include:{OUTLOOK} ~all",
    f"v=spf1 ?include:open.test include:{OUTLOOK} ~all",
    "v=spf1 include:alias2.test ~all",
    f"v=spf1 {' '.join(f'ip4:192.0.2.{at}' for at in range(200))} include:{OUTLOOK} ~all",
]
INCOMPLETE = [
    ("v=spf1 -all", f"v=spf1 include:{OUTLOOK} -all"),
    ("v=spf1 ~all", f"v=spf1 include:{OUTLOOK} ~all"),
    ("v=spf1 ?all", f"v=spf1 include:{OUTLOOK} ?all"),
    ("v=spf1", f"v=spf1 include:{OUTLOOK}"),
    (f"v=spf1 include:{GOOGLE} ~all", f"v=spf1 include:{GOOGLE} include:{OUTLOOK} ~all"),
    ("v=spf1 ip4:192.0.2.1 mx -all", f"v=spf1 ip4:192.0.2.1 mx include:{OUTLOOK} -all"),
    (f"v=spf1 -all include:{OUTLOOK}", f"v=spf1 include:{OUTLOOK} -all include:{OUTLOOK}"),
    (f"v=spf1 -include:{OUTLOOK} ~all", f"v=spf1 include:{OUTLOOK} -include:{OUTLOOK} ~all"),
    (f"v=spf1 ~include:{OUTLOOK} ~all", f"v=spf1 include:{OUTLOOK} ~include:{OUTLOOK} ~all"),
    (f"v=spf1 ?include:{OUTLOOK} ~all", f"v=spf1 include:{OUTLOOK} ?include:{OUTLOOK} ~all"),
    ("v=spf1 -include:filter.test ~all", f"v=spf1 -include:filter.test include:{OUTLOOK} ~all"),
    (f"v=spf1 redirect={GOOGLE}", f"v=spf1 include:{OUTLOOK} redirect={GOOGLE}"),
    (f"v=spf1 ~all redirect={OUTLOOK}", f"v=spf1 include:{OUTLOOK} ~all redirect={OUTLOOK}"),
    ("v=spf1 +all", f"v=spf1 include:{OUTLOOK} ~all"),
    ("v=spf1 ALL", f"v=spf1 include:{OUTLOOK} ~all"),
    (f"v=spf1 include:{OUTLOOK} +all", f"v=spf1 include:{OUTLOOK} ~all"),
    (f"v=spf1 include:{OUTLOOK} include:open.test -all", None),
    (f"v=spf1 include:{OUTLOOK} redirect=open.test", None),
    (f"v=spf1 exists:%{{i}}.{OUTLOOK} -all", f"v=spf1 exists:%{{i}}.{OUTLOOK} {TERM} -all"),
    (f"v=spf1 include:%{{d}}.{OUTLOOK} -all", f"v=spf1 include:%{{d}}.{OUTLOOK} {TERM} -all"),
    (f"v=spf1 include:sub.{OUTLOOK} -all", f"v=spf1 include:sub.{OUTLOOK} {TERM} -all"),
    ("v=spf1 include:alias.test -all", f"v=spf1 include:alias.test {TERM} -all"),
]
ERRORS = [
    ("v=spf1 include:deep1.test -all", "asks DNS 11 times"),
    ("v=spf1 include:loop1.test -all", "includes itself"),
    (f"v=spf1 include:{ME} -all", "includes itself"),
    ("v=spf1 include:norecord.test -all", "has no SPF record"),
    ("v=spf1 include:nowhere.test -all", "has no SPF record"),
    ("v=spf1 redirect=norecord.test", "has no SPF record"),
    ("v=spf1 include:two.test -all", "2 SPF records"),
    ("v=spf1 include:many.test include:many.test -all", "asks DNS 14 times"),
    (
        "v=spf1 a:void1.test mx:void1.test exists:nowhere.test -all",
        "find nothing: take out a:void1.test, mx:void1.test, exists:nowhere.test.",
    ),
    ("v=spf1 mx:farm.test -all", "leads to 11 mail servers, and 10 are allowed"),
    (f"v=spf1 include:a{'1' * 63}.test -all", "has no SPF record"),
    ("v=spf1 a:example.-com -all", "names no domain"),
    ("v=spf1 a:mail.test/33 -all", "prefix length"),
    ("v=spf1 include: -all", "names no domain"),
    ("v=spf1 include -all", "not complete"),
    ("v=spf1 include:localhost -all", "names no domain"),
    ("v=spf1 include:a..test -all", "names no domain"),
    ("v=spf1 include:192.0.2.1 -all", "names no domain: an address is written as ip4:192.0.2.1."),
    ("v=spf1 ip4:1.2.3.4/33 -all", "prefix length"),
    ("v=spf1 ip4:1.2.3.4/032 -all", "prefix length"),
    ("v=spf1 ip4:1.2.3.0/255.255.255.0 -all", "names no network"),
    ("v=spf1 ip6:fe80::1%eth0 -all", "names no network"),
    ("v=spf1 ip4:1.2.3 -all", "names no network"),
    ("v=spf1 ip6:1.2.3.4 -all", "names no network"),
    ("v=spf1 ip4 -all", "not complete"),
    ("v=spf1 a/33 -all", "prefix length"),
    ("v=spf1 mx//129 -all", "prefix length"),
    ("v=spf1 all:x.test", "not complete"),
    ("v=spf1 nonsense -all", "no term"),
    ("v=spf1 redirect=a.test redirect=b.test", "stands twice"),
    ("v=spf1 exp=a.test exp=b.test -all", "stands twice"),
    ("v=spf1 exists:%{x}.test -all", "names no domain"),
    ("v=spf1 exists:%{d0}.test -all", "names no domain"),
    ("v=spf1 -all exp=%{c}.test", "no term"),
    (f"v=spf1 {'ip4:192.0.2.1 ' * 300}-all", "more than 4096 characters"),
    ("v=spf1 <script>alert(1)</script> ~all", "no term"),
    ("v=spf1 include:ä.test -all", "not ASCII"),
]


@pytest.mark.parametrize("record", PASSES)
async def test_the_provider_may_send(world: ScriptedDns, record: str) -> None:
    found = await look(world, record)

    assert (found.state, found.publish) == (State.PASS, None), found.detail
    assert found.found == record


@pytest.mark.parametrize(("record", "publish"), INCOMPLETE)
async def test_the_provider_is_missing(
    world: ScriptedDns, record: str, publish: str | None
) -> None:
    found = await look(world, record)

    assert (found.state, found.publish) == (State.INCOMPLETE, publish)


@pytest.mark.parametrize(("record", "says"), ERRORS)
async def test_receivers_cannot_use_the_record(world: ScriptedDns, record: str, says: str) -> None:
    found = await look(world, record)

    assert (found.state, found.publish) == (State.ERROR, None)
    assert says in found.detail


@pytest.mark.parametrize(
    "records", [(), ("hello",), (f"v=spf10 include:{OUTLOOK} ~all",), ("v=spf1include:x -all",)]
)
async def test_there_is_no_record(world: ScriptedDns, records: tuple[str, ...]) -> None:
    found = await look(world, *records)

    assert found.state is State.MISSING
    assert found.publish == f"v=spf1 include:{OUTLOOK} ~all"


async def test_two_records_are_one_too_many(world: ScriptedDns) -> None:
    found = await look(world, f"v=spf1 include:{OUTLOOK} ~all", "v=spf1 -all")

    assert (found.state, found.publish) == (State.ERROR, None)
    assert "2 SPF records" in found.detail
    assert set((found.found or "").split("\n")) == {"v=spf1 -all", f"v=spf1 {TERM} ~all"}


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 include:broken.test -all",
        "v=spf1 redirect=broken.test",
        f"v=spf1 a:broken.test include:{OUTLOOK} -all",
        f"v=spf1 mx:broken.test include:{OUTLOOK} -all",
        f"v=spf1 exists:broken.test include:{OUTLOOK} -all",
    ],
)
async def test_a_failure_of_dns_is_no_verdict(world: ScriptedDns, record: str) -> None:
    found = await look(world, record)

    assert (found.state, found.publish) == (State.UNKNOWN, None)
    assert found.detail.startswith("DNS did not answer for broken.test;")


async def test_a_domain_that_does_not_exist_is_told_from_one_without_a_record(
    world: ScriptedDns,
) -> None:
    typo = await Dns([("127.0.0.1", world.port)]).spf("hrat.test")
    bare = await look(world)

    assert spf.judge(typo, WANTED).detail.startswith("The DNS does not know this domain")
    assert bare.detail == "The domain has no SPF record."


async def test_a_record_that_explodes_costs_no_more_than_a_receiver_would_spend(
    world: ScriptedDns,
) -> None:
    terms = " ".join(f"a:h{number}.test" for number in range(250))

    found = await look(world, f"v=spf1 {terms} -all")

    assert (found.state, found.lookups) == (State.ERROR, 250)
    assert len(world.asked) <= 1 + 2 * spf.LOOKUPS


async def test_the_tree_says_what_depends_on_who_sends(world: ScriptedDns) -> None:
    world.zone = {ME: txt("v=spf1 include:%{i}._ip.test include:deep11.test -all")}

    tree = await Dns([("127.0.0.1", world.port)]).spf(ME)

    notes = [(each.domain, each.note) for each in tree.below.values()]
    assert notes[0] == ("%{i}._ip.test", "Depends on who sends: not followed.")
    assert tree.lookups == 2


async def test_the_domain_of_the_provider_itself_needs_no_include(world: ScriptedDns) -> None:
    tree = await Dns([("127.0.0.1", world.port)]).spf(OUTLOOK)

    assert spf.judge(tree, WANTED).state is State.PASS


OURS = (ip_network("192.0.2.7"), ip_network("2001:db8::/48"))


@pytest.mark.parametrize(
    ("record", "publish", "unlisted"),
    [
        ("", f"v=spf1 {TERM} ip4:192.0.2.7 ip6:2001:db8::/48 ~all", ""),
        ("v=spf1 mx -all", f"v=spf1 mx {TERM} ip4:192.0.2.7 ip6:2001:db8::/48 -all", ""),
        ("v=spf1 ip4:192.0.2.0/24 ~all", f"v=spf1 ip4:192.0.2.0/24 {TERM} {OURS6} ~all", ""),
        (f"v=spf1 {TERM} ~all", None, f"ip4:192.0.2.7, {OURS6}"),
        (f"v=spf1 {TERM} -ip4:192.0.2.7 ip6:2001:db8::/32 ~all", None, "ip4:192.0.2.7"),
        (f"v=spf1 {TERM} ip4:192.0.2.7 {OURS6} ~all", None, ""),
        (f"v=spf1 {TERM} include:ours.test ~all", None, ""),
    ],
)
async def test_a_relay_s_record_names_our_addresses_too_and_no_gate_rests_on_them(
    world: ScriptedDns, record: str, publish: str | None, unlisted: str
) -> None:
    ours = txt("v=spf1 ip4:192.0.2.7 ip6:2001:db8::/48 -all")
    world.zone = {**WORLD, "ours.test": ours, ME: txt(*filter(None, [record]))}
    tree = await Dns([("127.0.0.1", world.port)]).spf(ME)

    found = spf.judge(tree, Wanted(includes=(OUTLOOK,), networks=OURS))

    assert found.publish == publish
    assert found.detail.endswith(f"from, too: {unlisted}." if unlisted else ".")
    assert (found.state is State.PASS) is (publish is None)


async def test_a_name_server_that_says_nothing_is_no_verdict(world: ScriptedDns) -> None:
    tree = await Dns([("127.0.0.1", world.port)]).spf("silent.test")

    assert spf.judge(tree, WANTED).state is State.UNKNOWN


async def test_a_cut_answer_is_asked_for_again(world: ScriptedDns) -> None:
    world.zone = {**WORLD, ME: {"TRUNCATED TXT": quoted(f"v=spf1 include:{OUTLOOK} ~all")}}

    tree = await Dns([("127.0.0.1", world.port)]).spf(ME)

    assert spf.judge(tree, WANTED).state is State.PASS


@pytest.mark.parametrize(
    ("record", "count"),
    [
        ("v=spf1 -all", 0),
        ("v=spf1 ip4:192.0.2.1 -all", 0),
        ("v=spf1 a mx -all", 2),
        (f"v=spf1 include:{OUTLOOK} -all", 1),
        (f"v=spf1 include:{GOOGLE} -all", 2),
        (f"v=spf1 include:{GOOGLE} include:{OUTLOOK} a -all", 4),
        (f"v=spf1 redirect={GOOGLE}", 2),
        ("v=spf1 include:many.test -all", 7),
        (f"v=spf1 -all include:{GOOGLE}", 0),
    ],
)
async def test_look_ups_are_counted_as_receivers_count_them(
    world: ScriptedDns, record: str, count: int
) -> None:
    found = await look(world, record)

    assert found.lookups == count


async def test_a_merged_record_that_would_ask_too_often_says_so(world: ScriptedDns) -> None:
    found = await look(world, "v=spf1 include:many.test a mx exists:mailhost.test -all")

    assert (found.lookups, found.lookups_after) == (10, 11)
    assert "would ask DNS 11 times" in found.detail


async def test_where_no_provider_is_asked_for_a_valid_record_passes(world: ScriptedDns) -> None:
    valid = await look(world, "v=spf1 mx -all", includes=())
    missing = await look(world, includes=())

    assert (valid.state, missing.state) == (State.PASS, State.MISSING)
    assert missing.publish is None


SPECIAL = {  # what a row of the table expects, in our words
    "no_record": State.MISSING,
    "fail": State.INCOMPLETE,
    "fail_include_missing": State.INCOMPLETE,
    "fail_dangerous": State.INCOMPLETE,
    "pass_via_redirect": State.PASS,
    "ok_no_crash": State.INCOMPLETE,
    "safe_render": State.ERROR,
}


@pytest.mark.parametrize("row", rows("spf_record"), ids=str)
async def test_records_of_the_table(world: ScriptedDns, row: Row) -> None:
    includes = (GOOGLE,) if "redirect" in row.text else (OUTLOOK,)
    expected = SPECIAL.get(row.expect, State.ERROR)

    found = await look(world, *row.text.split("\n"), includes=includes)

    evil = "attacker" in row.text  # its include does not exist, which is an error by itself
    assert found.state is (State.ERROR if evil else expected)


@pytest.mark.parametrize("row", rows("dns_answer"), ids=str)
async def test_answers_of_the_table(world: ScriptedDns, row: Row) -> None:
    cut = {"TRUNCATED TXT": quoted(f"v=spf1 include:{OUTLOOK} -all")}
    table: dict[str, tuple[Zone, State]] = {
        "temperror_no_verdict": ({ME: SERVFAIL}, State.UNKNOWN),
        "no_record": ({}, State.MISSING),
        "retry_tcp": ({ME: cut}, State.PASS),
    }
    answers, expected = table[row.expect]
    world.zone = {**WORLD, **answers}

    tree = await Dns([("127.0.0.1", world.port)]).spf(ME)

    assert spf.judge(tree, WANTED).state is expected
