"""The test suite of RFC 7208, over real DNS packets: a record is usable, or not, as it says."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from letterhead.dns import Dns
from letterhead.mail import spf
from letterhead.mail.spf import State, Wanted
from tests.servers.scripted_dns import ScriptedDns

SCENARIOS: Sequence[Mapping[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("rfc7208.yaml").read_text("ascii")
)
COUNT = 203

USABLE = frozenset({State.PASS, State.INCOMPLETE})
# What a result says of the record; all others (pass, fail, softfail, neutral): it is usable.
STATES = {
    "none": frozenset({State.MISSING}),
    "permerror": frozenset({State.ERROR}),
    "temperror": frozenset({State.UNKNOWN}),
}
# A receiver stops at the first term that matches. Here a record is judged whole: this one is an
# error for everybody whom its fourth term does not let through.
JUDGED_WHOLE = {"include-at-limit": "permerror"}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedDns]:
    script = ScriptedDns({})
    udp, tcp = await script.listen()
    yield script
    udp.close()
    tcp.close()
    await tcp.wait_closed()


def test_the_suite_is_whole() -> None:
    assert sum(len(each["cases"]) for each in SCENARIOS) == COUNT


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each["scenario"])
async def test_a_record_is_usable_or_not_as_the_suite_says(
    server: ScriptedDns, scenario: Mapping[str, Any]
) -> None:
    server.zone = {name.lower(): records for name, records in scenario["zone"].items()}
    wrong = {}

    for name, (domain, *results) in scenario["cases"].items():
        tree = await Dns([("127.0.0.1", server.port)]).spf(domain)
        found = spf.judge(tree, Wanted())
        expected = [JUDGED_WHOLE[name]] if name in JUDGED_WHOLE else results
        if not any(found.state in STATES.get(each, USABLE) for each in expected):
            wrong[name] = found

    assert wrong == {}
