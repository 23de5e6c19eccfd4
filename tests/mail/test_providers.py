"""The provider drop-down: every entry is whole, and no gate rests on what is not sure."""

import pytest

from letterhead.mail import address
from letterhead.mail.providers import PROVIDERS, Provider
from letterhead.mail.settings import FOREIGN_PORTS


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda each: each.key)
def test_an_entry_is_whole(provider: Provider) -> None:
    for name in (*provider.servers, *provider.mx, *provider.spf, *provider.own_domains):
        if "_" not in name:
            assert address.host(name) == name
    assert not FOREIGN_PORTS.intersection(provider.ports)
    assert all((how == "tls") is (port % 1000 == 465) for port, how in provider.ports.items())
    assert provider.name
    assert provider.auth


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda each: each.key)
def test_a_gate_rests_on_what_is_sure(provider: Provider) -> None:
    if provider.requires_spf:
        assert provider.confirmed
        assert provider.spf


def test_the_providers_of_the_drop_down_ask_for_spf_and_other_does_not() -> None:
    asks = {key for key, each in PROVIDERS.items() if each.requires_spf}

    assert {"microsoft365", "microsoft365_relay", "gmail", "zoho"} <= asks
    assert {"fastmail", "godaddy", "icloud", "ionos", "mimecast", "yandex"} <= asks
    assert not asks & {"other", "yahoo", "amazon_ses", "sendgrid", "postmark"}


def test_a_domain_of_the_provider_needs_no_record_of_the_firm() -> None:
    gmail = PROVIDERS["gmail"]

    assert gmail.gates("hart.example")
    assert not gmail.gates("gmail.com")
    assert not PROVIDERS["microsoft365"].gates("outlook.com")
    assert PROVIDERS["gmail"].gates("outlook.com")


def test_what_is_not_sure_is_marked_and_asks_for_nothing() -> None:
    unsure = {key for key, each in PROVIDERS.items() if not each.confirmed}

    assert unsure == {"azure_communication", "crazydomains", "ventraip"}
    assert not any(PROVIDERS[key].requires_spf for key in unsure)


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda each: each.key)
def test_what_is_published_for_a_data_centre_counts(provider: Provider) -> None:
    for server in (*provider.servers, *provider.mx, ""):
        assert set(provider.includes([server])) <= set(provider.spf)
    assert all(provider.includes([each]) for each in provider.servers if provider.spf)


@pytest.mark.parametrize("server", PROVIDERS["zoho"].servers)
def test_each_server_of_zoho_has_an_include_of_its_own_data_centre(server: str) -> None:
    suffix = server.partition(".")[2].removeprefix("zoho").removeprefix("cloud")

    assert all(each.endswith(suffix) for each in PROVIDERS["zoho"].includes([server]))
