"""A name server that says what a test tells it, over real packets, UDP and TCP."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SERVFAIL, SILENCE, TRUNCATED = "SERVFAIL", "SILENCE", "TRUNCATED"

_ALIASES = 8  # in a row that are followed within the zone (RFC 1034, section 3.6.2)

Delegations = Mapping[str, Mapping[str, list[str]]]
Zone = Mapping[str, Mapping[str, list[str]] | str]


@dataclass
class ScriptedDns:
    """
    Answers from `zone`: a name, and its records by type, or one of the special words.

    TRUNCATED in front of a type (`TRUNCATED TXT`) makes UDP answers empty and cut, so that the
    client has to ask again by TCP. `delegations` name the servers of zones, each with its glue.
    """

    zone: Zone
    host: str = "127.0.0.1"
    authoritative: bool = False
    delegations: Delegations = field(default_factory=dict)
    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def listen(self) -> tuple[asyncio.DatagramTransport, asyncio.Server]:
        loop = asyncio.get_running_loop()
        while True:  # until a port is free for both
            udp, _ = await loop.create_datagram_endpoint(
                lambda: _Packets(self), local_addr=(self.host, self.port)
            )
            self.port = udp.get_extra_info("sockname")[1]
            try:
                return udp, await asyncio.start_server(self._stream, self.host, self.port)
            except OSError:
                udp.close()
                self.port = 0

    def answer(self, packet: bytes, *, cut: bool) -> bytes | None:
        query = dns.message.from_wire(packet)
        [question] = query.question
        name, kind = question.name.to_text(omit_final_dot=True).lower(), question.rdtype
        self.asked.append((name, dns.rdatatype.to_text(kind)))
        found = self.zone.get(name)
        if found == SILENCE:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA if self.authoritative else dns.flags.RA
        if zone := self._delegated(name):
            self._refer(response, zone)
        elif found is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif isinstance(found, str):
            response.set_rcode(dns.rcode.SERVFAIL)
        else:
            self._fill(response, found, cut=cut)
        return response.to_wire(max_size=65535)

    def _delegated(self, name: str) -> str | None:
        return next((each for each in self.delegations if f".{name}".endswith(f".{each}")), None)

    def _refer(self, response: dns.message.Message, zone: str) -> None:
        """Name the servers of a zone (RFC 1034, section 4.3.2)."""
        response.flags &= ~dns.flags.AA
        servers = self.delegations[zone]
        names = [f"{each}." for each in servers]
        response.authority.append(dns.rrset.from_text_list(f"{zone}.", 1, "IN", "NS", names))
        for each, glue in servers.items():
            if glue:
                rrset = dns.rrset.from_text_list(f"{each}.", 1, "IN", "A", glue)
                response.additional.append(rrset)

    def _fill(
        self, response: dns.message.Message, found: Mapping[str, list[str]], *, cut: bool
    ) -> None:
        [question] = response.question
        kind = dns.rdatatype.to_text(question.rdtype)
        if f"{TRUNCATED} {kind}" in found and cut:
            response.flags |= dns.flags.TC
            return
        name = question.name
        for _ in range(_ALIASES):
            if "CNAME" not in found:
                break
            response.answer.append(dns.rrset.from_text_list(name, 1, "IN", "CNAME", found["CNAME"]))
            name = response.answer[-1][0].target
            there = self.zone.get(name.to_text(omit_final_dot=True).lower(), {})
            found = there if isinstance(there, Mapping) else {}
        if texts := found.get(kind, found.get(f"{TRUNCATED} {kind}", [])):
            response.answer.append(dns.rrset.from_text_list(name, 1, "IN", kind, texts))

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        if answer := self.answer(await reader.readexactly(size), cut=False):
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
        writer.close()


class _Packets(asyncio.DatagramProtocol):
    def __init__(self, server: ScriptedDns) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if answer := self._server.answer(data, cut=True):
            self._transport.sendto(answer, addr)
