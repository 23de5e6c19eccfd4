"""Names against a real name server: what they lead to is vetted, all of it, before connecting."""

import pytest

from letterhead.egress import Egress, allowed
from letterhead.errors import Unreachable
from letterhead.mail.reply import Kind
from tests.servers.bind import Bind


def egress(server: Bind, **options: object) -> Egress:
    return Egress(dns_servers=[("127.0.0.1", server.port)], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["private.test", "alias.test", "unknown.test", "mail.test"])
async def test_what_leads_nowhere_allowed_is_as_if_it_did_not_exist(
    name_server: Bind, name: str
) -> None:
    with pytest.raises(Unreachable) as error:
        await egress(name_server).resolve(name, port=587)

    assert error.value.kind == Kind.NO_ADDRESS
    assert str(error.value) == "The name has no address that may be reached."


async def test_an_allowed_network_is_reached(name_server: Bind, net: str) -> None:
    opened = egress(name_server, allowed=allowed(f"{net}.0/24"))

    found = await opened.resolve("mail.test", port=587)

    assert [str(each) for each in found] == [f"{net}.1"]


async def test_servers_of_the_operator_are_reached_wherever_they_are(name_server: Bind) -> None:
    found = await egress(name_server).resolve("private.test", port=25, trusted=True)

    assert [str(each) for each in found] == ["10.20.30.40"]


async def test_a_name_server_that_fails_is_told_from_a_name_that_is_not_there(
    name_server: Bind,
) -> None:
    with pytest.raises(Unreachable) as error:
        await egress(name_server, seconds=2).resolve("mail.broken", port=587)

    assert error.value.kind == Kind.DNS_FAILED


async def test_a_name_server_that_does_not_answer_is_given_up() -> None:
    silent = Egress(dns_servers=[("127.0.0.1", 9)], seconds=0.5)

    with pytest.raises(Unreachable) as error:
        await silent.resolve("mail.test", port=587)

    assert error.value.kind == Kind.DNS_FAILED


async def test_names_of_this_machine_are_never_asked_for(name_server: Bind) -> None:
    opened = egress(name_server, allowed=allowed("127.0.0.1"))

    for name in ("localhost", "LOCALHOST.", "mail.localhost"):
        assert [str(each) for each in await opened.resolve(name, port=587)] == ["127.0.0.1"]


@pytest.mark.parametrize("name", ["2130706433", "0x7f.1", "127.1", "017700000001", "[::1]", "a b"])
async def test_numbers_that_mean_addresses_are_no_names(name: str) -> None:
    with pytest.raises(Unreachable) as error:
        await Egress(allowed=allowed("127.0.0.0/8")).resolve(name, port=587)

    assert error.value.kind == Kind.NO_ADDRESS
