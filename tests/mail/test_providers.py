"""The provider drop-down: every entry is whole, and no gate rests on what is not sure."""

import pytest

from letterhead.mail import address
from letterhead.mail.providers import PROVIDERS, Provider
from letterhead.mail.settings import PORTS, TLS_PORTS


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda each: each.key)
def test_an_entry_is_whole(provider: Provider) -> None:
    for name in (*provider.servers, *provider.mx, *provider.spf, *provider.own_domains):
        if "_" not in name:
            assert address.host(name) == name
    assert set(provider.ports) <= PORTS
    assert all((how == "tls") is (port in TLS_PORTS) for port, how in provider.ports.items())
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
    assert "other" not in asks


def test_a_domain_of_the_provider_needs_no_record_of_the_firm() -> None:
    gmail = PROVIDERS["gmail"]

    assert gmail.gates("hart.example")
    assert not gmail.gates("gmail.com")
