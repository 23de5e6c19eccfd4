"""The servers of a zone are asked first, over real packets; a resolver where they do not say."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from letterhead.dns import Dns
from letterhead.egress import Allowed, allowed
from tests.servers.scripted_dns import SERVFAIL, SILENCE, Delegations, ScriptedDns

OLD, FRESH = ["old"], ["fresh"]
HART = "hart.test"

Start = Callable[[ScriptedDns], Awaitable[ScriptedDns]]


def txt(*texts: str) -> dict[str, list[str]]:
    return {"TXT": [f'"{each}"' for each in texts]}


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts name servers, and ends them."""
    async with AsyncExitStack() as open_:

        async def begin(server: ScriptedDns) -> ScriptedDns:
            udp, tcp = await server.listen()
            open_.callback(udp.close)
            open_.push_async_callback(tcp.wait_closed)
            open_.callback(tcp.close)
            return server

        yield begin


@pytest.fixture
async def resolver(start: Start) -> ScriptedDns:
    """A resolver that still has the old answer."""
    return await start(ScriptedDns({HART: txt("old")}))


class Internet:
    """A root, and the servers of zones below it, each with an address of its own."""

    def __init__(self, start: Start, net: str) -> None:
        self._start = start
        self._net = net
        self.servers: list[ScriptedDns] = []

    def address(self, number: int) -> str:
        return f"{self._net}.{200 + number}" if number else "127.0.0.1"

    async def add(self, server: ScriptedDns) -> ScriptedDns:
        server.host = self.address(len(self.servers))
        self.servers.append(await self._start(server))
        return server

    def dns(self, resolver: ScriptedDns, entries: tuple[Allowed, ...] = ()) -> Dns:
        """The ports of servers are known, as if each were a root; only the first is asked first."""
        roots = [(each.host, each.port) for each in self.servers]
        return Dns([("127.0.0.1", resolver.port)], roots=roots, allowed=entries)


@pytest.fixture
def internet(start: Start, net: str) -> Internet:
    return Internet(start, net)


async def test_a_fresh_record_counts_before_the_old_answer_has_expired(
    internet: Internet, resolver: ScriptedDns
) -> None:
    glue = {"ns.hart.test": [internet.address(1)]}
    await internet.add(ScriptedDns({}, delegations={HART: glue}))
    await internet.add(ScriptedDns({HART: txt("fresh")}, authoritative=True))

    found = await internet.dns(resolver).txt(HART)

    assert found == FRESH
    assert resolver.asked == []


async def test_zones_below_zones_are_found(internet: Internet, resolver: ScriptedDns) -> None:
    top, own = {"ns.test": [internet.address(1)]}, {"ns.hart.test": [internet.address(2)]}
    await internet.add(ScriptedDns({}, delegations={"test": top}))
    await internet.add(ScriptedDns({}, delegations={HART: own}))
    await internet.add(ScriptedDns({HART: txt("fresh")}, authoritative=True))

    assert await internet.dns(resolver).txt(HART) == FRESH


async def test_a_name_server_without_glue_is_looked_up(
    internet: Internet, resolver: ScriptedDns
) -> None:
    await internet.add(
        ScriptedDns(
            {},
            delegations={
                HART: {"ns.host.example": []},
                "host.example": {"ns.host.example": [internet.address(1)]},
            },
        )
    )
    zone = {HART: txt("fresh"), "ns.host.example": {"A": [internet.address(1)]}}
    await internet.add(ScriptedDns(zone, authoritative=True))

    assert await internet.dns(resolver).txt(HART) == FRESH


@pytest.mark.parametrize(
    "lame",
    [
        ScriptedDns({HART: txt("not mine")}),
        ScriptedDns({HART: SERVFAIL}, authoritative=True),
        ScriptedDns({HART: SILENCE}, authoritative=True),
    ],
    ids=["no authority", "fails", "silent"],
)
async def test_a_lame_server_is_passed_over(
    internet: Internet, resolver: ScriptedDns, lame: ScriptedDns
) -> None:
    servers = {"ns1.hart.test": [internet.address(1)], "ns2.hart.test": [internet.address(2)]}
    await internet.add(ScriptedDns({}, delegations={HART: servers}))
    await internet.add(lame)
    await internet.add(ScriptedDns({HART: txt("fresh")}, authoritative=True))

    assert await internet.dns(resolver).txt(HART) == FRESH


async def test_where_nobody_has_authority_a_resolver_is_asked(
    internet: Internet, resolver: ScriptedDns
) -> None:
    await internet.add(ScriptedDns({}, delegations={HART: {"ns.hart.test": [internet.address(9)]}}))

    assert await internet.dns(resolver, allowed("127.0.0.0/8")).txt(HART) == OLD


async def test_name_servers_that_name_each_other_lead_nowhere_and_end(
    internet: Internet, resolver: ScriptedDns
) -> None:
    loop: Delegations = {HART: {"ns.other.test": []}, "other.test": {f"ns.{HART}": []}}
    root = await internet.add(ScriptedDns({}, delegations=loop))

    assert await internet.dns(resolver).txt(HART) == OLD
    assert len(root.asked) < 50


async def test_a_server_that_refers_to_itself_ends(
    internet: Internet, resolver: ScriptedDns
) -> None:
    own = {"ns.hart.test": [internet.address(1)]}
    await internet.add(ScriptedDns({}, delegations={HART: own}))
    asked = await internet.add(ScriptedDns({}, delegations={HART: own}))

    assert await internet.dns(resolver).txt(HART) == OLD
    assert len(asked.asked) == 1


async def test_an_alias_is_followed_into_another_zone(
    internet: Internet, resolver: ScriptedDns
) -> None:
    servers = {
        HART: {"ns.hart.test": [internet.address(1)]},
        "keys.example": {"ns.keys.example": [internet.address(2)]},
    }
    await internet.add(ScriptedDns({}, delegations=servers))
    await internet.add(
        ScriptedDns({f"s._domainkey.{HART}": {"CNAME": ["k.keys.example."]}}, authoritative=True)
    )
    await internet.add(ScriptedDns({"k.keys.example": txt("fresh")}, authoritative=True))

    assert await internet.dns(resolver).txt(f"s._domainkey.{HART}") == FRESH


async def test_aliases_in_a_circle_end(internet: Internet, resolver: ScriptedDns) -> None:
    circle = {HART: {"CNAME": ["a.test."]}, "a.test": {"CNAME": [f"{HART}."]}}
    await internet.add(ScriptedDns(circle, authoritative=True))

    assert await internet.dns(resolver).txt(HART) == OLD


async def test_what_the_zone_does_not_have_is_absent_whatever_a_resolver_remembers(
    internet: Internet, resolver: ScriptedDns
) -> None:
    await internet.add(ScriptedDns({}, authoritative=True))

    assert await internet.dns(resolver).txt(HART) == []
    assert await internet.dns(resolver).mx(HART) == []


async def test_a_cut_answer_is_asked_for_again(internet: Internet, resolver: ScriptedDns) -> None:
    await internet.add(ScriptedDns({HART: {"TRUNCATED TXT": ['"fresh"']}}, authoritative=True))

    assert await internet.dns(resolver).txt(HART) == FRESH


async def test_an_answer_of_more_than_4_kb_is_none(
    internet: Internet, resolver: ScriptedDns
) -> None:
    large = [f'"{number:0250}"' for number in range(20)]
    await internet.add(ScriptedDns({HART: {"TRUNCATED TXT": large}}, authoritative=True))

    assert await internet.dns(resolver).txt(HART) == OLD


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may listen on port 53")
@pytest.mark.parametrize("entries", ["", "127.0.0.0/8:53"], ids=["vetted", "allowed"])
async def test_a_private_address_is_never_asked_unless_the_operator_allows_it(
    start: Start, resolver: ScriptedDns, net: str, entries: str
) -> None:
    zone = ScriptedDns({HART: txt("fresh")}, host=f"{net}.210", port=53, authoritative=True)
    inner = await start(zone)
    glue = {"ns.hart.test": [inner.host, "169.254.169.254", "10.0.0.1"]}
    root = await start(ScriptedDns({}, host=f"{net}.211", delegations={HART: glue}))
    roots, resolvers = [(root.host, root.port)], [("127.0.0.1", resolver.port)]

    found = await Dns(resolvers, roots=roots, allowed=allowed(entries)).txt(HART)

    assert found == (FRESH if entries else OLD)
    assert len(inner.asked) == (1 if entries else 0)


async def test_roots_that_are_silent_are_given_up_for_the_whole_look(
    internet: Internet, resolver: ScriptedDns
) -> None:
    places = (f"mail.office.{HART}", f"office.{HART}", HART)
    silent = {name: SILENCE for each in places for name in (each, f"_dmarc.{each}")}
    for _ in range(4):
        await internet.add(ScriptedDns(silent))
    began = asyncio.get_running_loop().time()

    found = await internet.dns(resolver).look(f"mail.office.{HART}")

    assert (found.mx, found.dmarc) == ([], [])
    assert asyncio.get_running_loop().time() - began < 8  # and not four seconds for each question


async def test_with_resolvers_alone_nobody_else_is_asked(resolver: ScriptedDns) -> None:
    found = await Dns([("127.0.0.1", resolver.port)]).txt(HART)

    assert found == OLD
    assert len(resolver.asked) == 1
