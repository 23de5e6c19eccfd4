"""The settings of a process: read once, and what is not right is named in one line."""

import signal
from datetime import timedelta
from pathlib import Path

import pytest

from letterhead.config import read
from letterhead.errors import Misconfigured
from letterhead.failpoints import Failpoint
from letterhead.mail.limits import Limits
from letterhead.mail.secret import Secret
from letterhead.mail.server import Encryption, Server
from letterhead.mail.ses import SesRoute


def test_without_any_setting_it_runs_by_itself() -> None:
    config = read({})

    assert config.listen == ("127.0.0.1", 8025)
    assert config.public_url == "http://127.0.0.1:8025"
    assert config.data_dir == Path("var").absolute()
    assert config.database_url == f"sqlite:///{Path('var').absolute() / 'letterhead.db'}"
    assert config.default_route is None
    assert config.default_from == "no-reply@letterhead.localhost"


@pytest.mark.parametrize(
    ("route", "host", "port", "encryption", "login"),
    [
        ("smtp://u%40h:p%2Fw@smtp.test:2525", "smtp.test", 2525, Encryption.STARTTLS, "u@h"),
        ("smtp://smtp.test", "smtp.test", 587, Encryption.STARTTLS, ""),
        ("smtps://u:p@smtp.test", "smtp.test", 465, Encryption.TLS, "u"),
        ("smtp+plain://127.0.0.1", "127.0.0.1", 25, Encryption.NONE, ""),
    ],
)
def test_the_platform_s_own_route(
    route: str, host: str, port: int, encryption: Encryption, login: str
) -> None:
    server = read({"LETTERHEAD_DEFAULT_ROUTE": route}).default_route

    assert isinstance(server, Server)
    assert (server.host, server.port, server.encryption) == (host, port, encryption)
    assert (server.login, server.trusted) == (login, True)
    assert server.password == (Secret("p/w" if "%2F" in route else "p") if login else None)


def test_the_platform_s_own_route_has_limits_where_they_are_said() -> None:
    said = "smtp://smtp.test?connections=20&per_minute=600&per_day=50000&window=4"
    limited = read({"LETTERHEAD_DEFAULT_ROUTE": said})
    free = read({"LETTERHEAD_DEFAULT_ROUTE": "smtp://smtp.test"})

    assert limited.default_limits == Limits(
        connections=20, window=4, per_minute=600, per_day=50_000
    )
    assert isinstance(limited.default_route, Server)
    assert (limited.default_route.connections, limited.default_route.window) == (20, 4)
    assert free.default_limits == Limits(connections=8)


def test_the_platform_s_own_route_by_ses() -> None:
    config = read(
        {"LETTERHEAD_DEFAULT_ROUTE": "ses:eu-west-1", "LETTERHEAD_SES_CONFIGURATION_SET": "desk"}
    )

    assert config.default_route == SesRoute("eu-west-1")
    assert config.ses_configuration_set == "desk"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LETTERHEAD_LISTEN", "8025"),
        ("LETTERHEAD_LISTEN", "127.0.0.1:99999"),
        ("LETTERHEAD_DATABASE_URL", "mysql://db/letterhead"),
        ("LETTERHEAD_PUBLIC_URL", "mail.example.com"),
        ("LETTERHEAD_TLS_CERT_FILE", "/does/not/exist"),
        ("LETTERHEAD_TRUSTED_PROXIES", "proxy.desk.test"),
        ("LETTERHEAD_FRAME_ANCESTORS", "app.desk.test"),
        ("LETTERHEAD_OIDC_ISSUER", "http://login.desk.test"),
        ("LETTERHEAD_OIDC_ISSUER", "login.desk.test"),
        ("LETTERHEAD_OIDC_CLIENT_SECRET_FILE", "/does/not/exist"),
        ("LETTERHEAD_FRAME_ANCESTORS", "https://app.desk.test/path"),
        ("LETTERHEAD_FRAME_ANCESTORS", "https://a.test;script-src"),
        ("LETTERHEAD_DEFAULT_ROUTE", "http://smtp.test"),
        ("LETTERHEAD_DEFAULT_ROUTE", "smtp://user@smtp.test"),
        ("LETTERHEAD_DEFAULT_ROUTE", "smtp://smtp.test:99999"),
        ("LETTERHEAD_DEFAULT_ROUTE", "smtp+plain://smtp.test:25"),
        ("LETTERHEAD_DEFAULT_ROUTE", "smtp://smtp.test?connections=0"),
        ("LETTERHEAD_DEFAULT_ROUTE", "smtp://smtp.test?per_minute=many"),
        ("LETTERHEAD_DEFAULT_ROUTE", "smtp://smtp.test?speed=3"),
        ("LETTERHEAD_DEFAULT_ROUTE", "smtp://smtp.test?window=9"),
        ("LETTERHEAD_DEFAULT_ROUTE", "smtp+plain://u:p@127.0.0.1:25"),
        ("LETTERHEAD_DEFAULT_ROUTE", "ses:"),
        ("LETTERHEAD_DEFAULT_ROUTE", "ses:Ireland"),
        ("LETTERHEAD_SES_CONFIGURATION_SET", "desk set"),
        ("LETTERHEAD_SES_TOPICS", "letterhead-events"),
        ("LETTERHEAD_SES_QUEUES", "https://sqs.eu-west-1.amazonaws.com/123456789012/events"),
        ("LETTERHEAD_DEFAULT_FROM", "nobody"),
        ("LETTERHEAD_PLATFORM_NAME", "a\nb"),
        ("LETTERHEAD_SUPPORT", "x" * 1001),
        ("LETTERHEAD_ADVICE", "two\nlines"),
        ("LETTERHEAD_DNS_ROOTS", "a.root-servers.net:53"),
        ("LETTERHEAD_KEEP_BODIES", "-1"),
        ("LETTERHEAD_KEEP_MESSAGES", "a week"),
        ("LETTERHEAD_KEEP_CAPTURED", "999999"),
        ("LETTERHEAD_DNS_SERVERS", "dns.test:53"),
        ("LETTERHEAD_ALLOW_DESTINATIONS", "everything"),
        ("LETTERHEAD_REDIRECT_ALL_TO", "nobody"),
        ("LETTERHEAD_SENDING_ADDRESSES", "mail.desk.test"),
        ("LETTERHEAD_CA_FILE", "/does/not/exist"),
        ("LETTERHEAD_SECRET_KEYS_FILE", "/does/not/exist"),
        ("LETTERHEAD_BOOTSTRAP_PLATFORM_KEY", "short"),
        ("LETTERHEAD_FAILPOINT", "nowhere:kill"),
        ("LETTERHEAD_FAILPOINT", "claimed:hang"),
        ("LETTERHEAD_FAILPOINT", "claimed:kill:0"),
    ],
)
def test_what_is_not_right_is_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(Misconfigured) as error:
        read({name: value})

    assert str(error.value).startswith(name)
    assert "\n" not in str(error.value)
    assert ":p@" not in str(error.value)


def test_name_servers_have_a_port_or_53() -> None:
    config = read({"LETTERHEAD_DNS_SERVERS": "127.0.0.1:5353, 192.0.2.1"})

    assert config.dns_servers == (("127.0.0.1", 5353), ("192.0.2.1", 53))


def test_days_of_keeping() -> None:
    config = read({"LETTERHEAD_KEEP_BODIES": "3", "LETTERHEAD_KEEP_MESSAGES": "0"})

    assert config.keep_bodies == timedelta(days=3)
    assert config.keep_messages is None
    assert config.keep_captured == timedelta(days=30)


def test_a_failpoint_is_reached_the_first_time_or_the_nth() -> None:
    first = read({"LETTERHEAD_FAILPOINT": "claimed:kill"}).failpoint
    third = read({"LETTERHEAD_FAILPOINT": "marked:stop:3"}).failpoint

    assert first == Failpoint("claimed", signal.SIGKILL)
    assert third == Failpoint("marked", signal.SIGSTOP, at=3)
    assert read({}).failpoint is None


def test_proxies_and_sites_are_lists() -> None:
    config = read(
        {
            "LETTERHEAD_TRUSTED_PROXIES": "10.0.0.1, fd00::/8",
            "LETTERHEAD_FRAME_ANCESTORS": "https://app.desk.test, https://*.desk.test:8443",
        }
    )

    assert config.trusted_proxies == ("10.0.0.1", "fd00::/8")
    assert config.frame_ancestors == ("https://app.desk.test", "https://*.desk.test:8443")


def test_with_a_certificate_the_address_is_one_of_tls() -> None:
    files = dict.fromkeys(("LETTERHEAD_TLS_CERT_FILE", "LETTERHEAD_TLS_KEY_FILE"), __file__)

    config = read(files)

    assert config.public_url == "https://127.0.0.1:8025"
    assert config.tls == (Path(__file__), Path(__file__))


def test_an_identity_provider_is_named_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n", "utf-8")
    given = {
        "LETTERHEAD_OIDC_ISSUER": "https://login.desk.test/realm",
        "LETTERHEAD_OIDC_CLIENT_ID": "letterhead",
        "LETTERHEAD_OIDC_CLIENT_SECRET_FILE": str(file),
    }

    found = read(given).identity

    assert found is not None
    assert (found.client_secret, found.name) == (Secret("from a file"), "login.desk.test")
    for missing in given:
        rest = {name: value for name, value in given.items() if name != missing}
        with pytest.raises(Misconfigured, match=missing.removesuffix("_FILE")):
            read(rest)
