"""The way out by Amazon SES: what it says, what each refusal means, and that nothing is lost."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from letterhead.egress import Egress, tls_context
from letterhead.mail import faults
from letterhead.mail.letter import Lane
from letterhead.mail.message import MessageClass
from letterhead.mail.reply import Break, Kind, Reply, Stage
from letterhead.mail.secret import Secret
from letterhead.mail.server import Envelope
from letterhead.mail.ses import Access
from letterhead.mail.settings import SES, KeepPassword, SesSettings
from letterhead.store.database import Database
from letterhead.store.store import Store
from letterhead.store.vault import Vault
from letterhead.transports.aws import Aws
from letterhead.transports.aws_regions import regions
from letterhead.transports.base import Passed
from letterhead.transports.identities import SesIdentities, Wish
from letterhead.transports.ses import Sending, SesTransport, Stages
from tests.servers import ses
from tests.servers.bind import Bind
from tests.servers.ses import KEYS, REGION, ROLE, Refusal, Ses
from tests.store.conftest import KEY, NOW
from tests.transports.conftest import INVOICE, always, never
from tests.transports.office import Office

OPERATOR = Access(REGION)
FIRM = Access(REGION, access_key_id="AKIAFIRM000000000001", secret=Secret("a-secret-of-the-firm"))
MAIL = replace(INVOICE, labels={"letterhead-message": "m1"})


@pytest.fixture
def amazon(moto: int, name_server: Bind, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ses]:
    """SES where office@hart.test is verified already; the environment leads to it."""
    with ses.running(moto, name_server.port) as found:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": found.url}.items():
            monkeypatch.setenv(name, value)
        found.clicked.add(INVOICE.sender)
        found.forwarded("POST", "/v2/email/identities", b'{"EmailIdentity": "office@hart.test"}')
        yield found


@pytest.fixture
async def aws(amazon: Ses) -> AsyncIterator[Aws]:
    made = Aws(Egress(), tls_context())
    yield made
    await made.close()


Make = Callable[..., SesTransport]


@pytest.fixture
async def way(aws: Aws) -> AsyncIterator[Make]:
    """Makes ways out, and closes them at the end."""
    made: list[SesTransport] = []

    def make(access: Access = OPERATOR, **names: str) -> SesTransport:
        sending = Sending(access=access, **names)
        made.append(SesTransport(sending, aws, Stages(Egress(), tls_context())))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def test_hands_the_bytes_over_as_they_are(amazon: Ses, way: Make) -> None:
    answer = await way(configuration_set="desk").send(MAIL, always)

    [taken] = amazon.taken
    assert answer == Reply(Stage.MESSAGE, 250, f"Ok {taken.message_id}")
    assert taken.raw == b"".join(INVOICE.content)
    assert (taken.request["FromEmailAddress"], taken.to) == (INVOICE.sender, INVOICE.recipient)
    assert taken.request["ConfigurationSetName"] == "desk"
    assert "TenantName" not in taken.request
    assert taken.tags == {"letterhead-message": "m1"}


async def test_nothing_is_sent_when_the_lease_is_over(amazon: Ses, way: Make) -> None:
    answer = await way().send(MAIL, never)

    assert isinstance(answer, Break)
    assert answer.kind is Kind.STALE
    assert amazon.taken == []


async def test_a_break_under_the_request_leaves_it_uncertain_and_is_not_repeated(
    amazon: Ses, way: Make
) -> None:
    amazon.hangs_up = True

    answer = await way().send(MAIL, always)

    assert isinstance(answer, Break)
    assert (answer.kind, answer.after_dot) == (Kind.CLOSED, True)
    assert len(amazon.taken) == 1


async def test_a_refused_connection_is_no_uncertain_one(
    way: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    answer = await way().send(MAIL, always)

    assert isinstance(answer, Break)
    assert (answer.stage, answer.kind, answer.after_dot) == (Stage.CONNECT, Kind.REFUSED, False)
    assert faults.of(answer, provider=SES).code == "connection-refused"


async def test_a_name_that_leads_nowhere_is_a_fault_of_resolving(
    way: Make, monkeypatch: pytest.MonkeyPatch, name_server: Bind, aws: Aws
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://nowhere.test")
    egress = Egress(dns_servers=[("127.0.0.1", name_server.port)])
    lost = Aws(egress, tls_context())

    answer = await SesTransport(Sending(access=OPERATOR), lost, Stages(egress, tls_context())).send(
        MAIL, always
    )
    await lost.close()

    assert isinstance(answer, Break)
    assert (answer.stage, answer.kind) == (Stage.RESOLVE, Kind.NO_ADDRESS)


@pytest.mark.parametrize(
    ("refusal", "fault"),
    [
        (ses.TOO_FAST, "ses-rate"),
        (ses.NO_DAY_LEFT, "ses-daily-quota"),
        (ses.PAUSED, "ses-paused"),
        (ses.DOWN, "ses-trouble"),
        (Refusal("AccountSuspendedException", "Suspended."), "ses-suspended"),
        (Refusal("MailFromDomainNotVerifiedException", "No."), "ses-mail-from-not-verified"),
        (Refusal("NotFoundException", "Configuration set.", 404), "ses-not-there"),
        (Refusal("BadRequestException", "Missing final '@domain'."), "ses-mail-refused"),
        (Refusal("MessageRejected", "It has a virus."), "ses-mail-refused"),
        (
            Refusal("AccessDeniedException", "User is not authorized to perform: x", 403),
            "ses-no-permission",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
async def test_each_refusal_has_its_meaning(
    amazon: Ses, way: Make, refusal: Refusal, fault: str
) -> None:
    amazon.refusal = refusal

    answer = await way().send(MAIL, always)

    assert isinstance(answer, Reply)
    assert faults.of(answer, provider=SES).code == fault
    assert amazon.taken == []


async def test_unverified_senders_and_the_sandbox_name_who_it_is(amazon: Ses, way: Make) -> None:
    strange = await way().send(Envelope("eve@evil.test", "anna@client.test", (b"x",)), always)
    amazon.sandbox = True
    boxed = await way().send(MAIL, always)

    for answer, who in ((strange, "eve@evil.test"), (boxed, "anna@client.test")):
        assert isinstance(answer, Reply)
        assert who in answer.text
        assert faults.of(answer, provider=SES).code == "ses-not-verified"


async def test_what_came_too_fast_is_tried_again(amazon: Ses, way: Make) -> None:
    amazon.refusal, amazon.refusals = ses.TOO_FAST, 2

    answer = await way().send(MAIL, always)

    assert isinstance(answer, Reply)
    assert answer.positive
    assert len(amazon.taken) == 1


async def test_the_account_s_rate_is_followed_by_all_who_use_it(amazon: Ses, way: Make) -> None:
    amazon.a_second = 20
    ways = [way(), way()]
    await ways[0].send(MAIL, always)
    began = asyncio.get_running_loop().time()

    await asyncio.gather(*(ways[at % 2].send(MAIL, always) for at in range(10)))

    assert asyncio.get_running_loop().time() - began >= 9 / 20
    assert ways[0].seats(1) == 16


async def test_revoked_keys_are_refused_at_sign_in_and_a_probe_sees_them_mended(
    amazon: Ses, way: Make
) -> None:
    transport = way()
    amazon.revoked.add(KEYS["AWS_ACCESS_KEY_ID"])
    answer, probed = await transport.send(MAIL, always), await transport.probe()
    amazon.revoked.clear()
    mended = await transport.probe()

    for each in (answer, probed):
        assert isinstance(each, Reply)
        assert (each.stage, each.code) == (Stage.SIGN_IN, 535)
        assert faults.of(each, provider=SES).code == "aws-keys-refused"
    assert mended is None
    assert faults.shows_at_sign_in("aws-keys-refused")


async def test_a_firm_s_own_keys_are_used_for_its_own_mail(amazon: Ses, way: Make) -> None:
    await way(FIRM).send(MAIL, always)

    assert amazon.taken[0].key_id == FIRM.access_key_id


async def test_without_its_secret_a_firm_s_mail_never_takes_the_operator_s_account(
    amazon: Ses, way: Make
) -> None:
    answer = await way(replace(FIRM, secret=None)).send(MAIL, always)

    assert isinstance(answer, Break)
    assert answer.kind is Kind.LOCKED
    assert amazon.taken == []


async def test_a_role_is_assumed_with_the_external_id(amazon: Ses, way: Make) -> None:
    amazon.external_ids.add("letterhead-1")
    access = Access(REGION, role_arn=ROLE, external_id="letterhead-1")
    transport = way(access)

    await transport.send(MAIL, always)
    await transport.send(MAIL, always)
    refused = await way(replace(access, external_id="letterhead-2")).send(MAIL, always)

    assert amazon.calls.count("STS AssumeRole") == 2
    assert [each.key_id for each in amazon.taken] == [amazon.taken[0].key_id] * 2
    assert amazon.taken[0].key_id not in {"", KEYS["AWS_ACCESS_KEY_ID"]}
    assert isinstance(refused, Reply)
    assert faults.of(refused, provider=SES).code == "aws-role-refused"


async def test_a_rehearsal_tells_every_stage(way: Make) -> None:
    told: list[Passed] = []

    answer = await way().rehearse(MAIL, always, told.append)

    assert isinstance(answer, Reply)
    assert [each.stage for each in told] == list(Stage)
    assert all(each.ok for each in told)
    assert told[3].detail == f"signed in to {REGION}"


@pytest.mark.parametrize("revoked", [True, False], ids=["sign_in", "message"])
async def test_a_rehearsal_ends_at_the_stage_that_fails(
    amazon: Ses, way: Make, *, revoked: bool
) -> None:
    told: list[Passed] = []
    amazon.refusal = ses.PAUSED
    amazon.revoked |= {KEYS["AWS_ACCESS_KEY_ID"]} if revoked else set()

    await way().rehearse(MAIL, always, told.append)

    last = Stage.SIGN_IN if revoked else Stage.MESSAGE
    assert (told[-1].stage, told[-1].ok) == (last, False)
    assert all(each.ok for each in told[:-1])


def test_regions_come_from_botocore_with_their_words() -> None:
    found = regions()["eu-west-1"]

    assert found.words == "Europe (Ireland)"
    assert found.smtp_server == "email-smtp.eu-west-1.amazonaws.com"
    assert "cn-north-1" not in regions()  # there is no Amazon SES


# Identities

HART = Wish(access=OPERATOR, name="cloudy.test", owner="hart", tenant="lh-hart")


async def test_an_identity_is_made_once_and_adopted_by_who_comes_later(
    amazon: Ses, aws: Aws
) -> None:
    made = await SesIdentities(aws).look(HART, known=None)
    assert not isinstance(made, Reply | Break)
    again = await SesIdentities(aws).look(HART, known=made)
    unkept = await SesIdentities(aws).look(HART, known=None)  # two looked at once
    other = replace(HART, owner="other", tenant="lh-other")
    later = await SesIdentities(aws).look(other, known=None)

    for found, adopted in ((made, False), (again, False), (unkept, False), (later, True)):
        assert not isinstance(found, Reply | Break)
        assert found.adopted is adopted
        assert found.hosted_zone == ses.ZONE
        assert len(found.tokens) == 3
    assert amazon.calls.count("POST /v2/email/identities") == 1
    assert set(amazon.tenants) == {"lh-hart", "lh-other"}


async def test_where_a_region_has_no_tenants_there_is_none(amazon: Ses, aws: Aws) -> None:
    amazon.has_tenants = False

    found = await SesIdentities(aws).look(HART, known=None)

    assert not isinstance(found, Reply | Break)
    assert found.tenant == ""


async def test_what_aws_says_no_to_is_an_answer(amazon: Ses, aws: Aws) -> None:
    amazon.revoked.add(KEYS["AWS_ACCESS_KEY_ID"])

    found = await SesIdentities(aws).look(HART, known=None)

    assert isinstance(found, Reply)
    assert found.stage is Stage.SIGN_IN


async def test_an_identity_is_removed_once_and_for_all(amazon: Ses, aws: Aws) -> None:
    await SesIdentities(aws).look(HART, known=None)

    assert await SesIdentities(aws).remove(HART) is None
    assert await SesIdentities(aws).remove(HART) is None
    status, _ = amazon.forwarded("GET", "/v2/email/identities/cloudy.test", b"")
    assert status == 404


# An hour without SES


async def office_of(database: Database, way: SesTransport) -> Office:
    store = Store(database, Vault(lambda: [KEY]))
    async with store.platform() as rows:
        portal = await rows.add_portal("hart", "Hart & Co", NOW)
    async with store.portal(portal) as desk:
        draft = SesSettings(region=REGION, from_address=INVOICE.sender)
        version = await desk.settings.save(draft, KeepPassword(), NOW)
        await desk.settings.go_live(version, NOW)
    return Office(database, store, portal, way)


async def test_an_hour_in_which_ses_refuses_loses_nothing(
    database: Database, amazon: Ses, way: Make
) -> None:
    office = await office_of(database, way())
    letter = await office.keep(20, MessageClass.BUSINESS)
    amazon.refusal = ses.DOWN
    ends = office.now + timedelta(hours=1)
    while office.now < ends:
        await office.drain(Lane.LIVE)
        office.now += timedelta(minutes=6)
    during = await office.left(letter)
    amazon.refusal = None

    await office.drain(Lane.LIVE)
    await office.drain(Lane.LIVE)
    after = await office.left(letter)

    assert set(during.status) == {"queued"}
    assert during.trouble is not None
    assert not during.trouble.paused
    assert set(after.status) == {"sent"}
    assert after.trouble is None
    assert sorted({each.to for each in amazon.taken}) == sorted(after.email)
    assert len(amazon.taken) == 20


async def test_used_up_days_and_revoked_keys_hold_and_fail_nothing(
    database: Database, amazon: Ses, way: Make
) -> None:
    office = await office_of(database, way())
    letter = await office.keep(3, MessageClass.BUSINESS)
    amazon.refusal = ses.NO_DAY_LEFT
    await office.drain(Lane.LIVE)
    quota = await office.left(letter)
    amazon.refusal = None
    amazon.revoked.add(KEYS["AWS_ACCESS_KEY_ID"])
    office.now += timedelta(hours=1)
    await office.drain(Lane.LIVE)
    revoked = await office.left(letter)
    amazon.revoked.clear()
    office.now += timedelta(hours=1)
    await office.drain(Lane.LIVE)
    await office.drain(Lane.LIVE)

    assert quota.trouble is not None
    assert (quota.trouble.paused, quota.trouble.due) == (False, NOW + timedelta(hours=1))
    assert revoked.trouble is not None
    assert (revoked.trouble.paused, revoked.trouble.fault) == (True, "aws-keys-refused")
    assert set(quota.status) | set(revoked.status) == {"queued"}
    assert set((await office.left(letter)).status) == {"sent"}


def test_nobody_pays_for_the_library_who_does_not_use_it() -> None:
    """It costs a second and 45 MB: it is loaded with the first request."""
    code = "import sys, letterhead.service; sys.exit('aiobotocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
