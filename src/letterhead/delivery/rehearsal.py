"""A test mail takes the way of real mail, once, and every stage of it is written down."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from letterhead.delivery.attempt import attempt_of, envelope
from letterhead.delivery.lease import Lease
from letterhead.delivery.settling import Settler
from letterhead.mail import faults
from letterhead.mail.letter import Claim, Route
from letterhead.mail.outcome import Deferred, Failed, Outcome, Stuck, Uncertain, judge
from letterhead.mail.reply import Answer, Reply
from letterhead.mail.sender import Platform
from letterhead.transports.base import Passed, Transport


class Tests(Protocol):
    """What a rehearsal needs of the store."""

    async def finish_test(self, message_id: str, values: Mapping[str, Any]) -> None: ...


class Ways(Protocol):
    """Makes a way out that nobody else uses."""

    def fresh(self, route: Route) -> Transport: ...


class Rehearsal:
    """Sends test mails. There is one attempt: a person waits for what it says."""

    def __init__(
        self,
        ways: Ways,
        tests: Tests,
        settler: Settler,
        *,
        platform: Platform,
        clock: Callable[[], datetime],
    ) -> None:
        self._ways = ways
        self._tests = tests
        self._settler = settler
        self._platform = platform
        self._clock = clock

    async def hold(
        self, claim: Claim, contents: Mapping[str, bytes], route: Route, lease: Lease
    ) -> None:
        """Send the test mail `claim`, and write down how far it came."""
        mail = envelope(claim, contents[claim.message_id], route, self._platform)
        passed: list[Passed] = []

        async def before_dot() -> bool:
            return lease.holds

        way = self._ways.fresh(route)
        try:
            answer = await way.rehearse(mail, before_dot, passed.append)
        finally:
            await way.close()
        now = self._clock()
        await self._tests.finish_test(claim.message_id, _result(answer, passed, route.provider))
        outcome = judge(answer, attempt_of(claim), now=now, provider=route.provider)
        await self._settler.add(claim, _final(outcome), now)


def _result(answer: Answer, passed: list[Passed], provider: str) -> Mapping[str, Any]:
    accepted = isinstance(answer, Reply) and answer.positive
    stages = [
        {"stage": each.stage.value, "ok": each.ok, "ms": round(each.ms, 1), "detail": each.detail}
        for each in passed
    ]
    return {
        "accepted": accepted,
        "stages": stages,
        "reply": answer.row if isinstance(answer, Reply) else None,
        "fault": None if accepted else faults.of(answer, provider=provider).code,
    }


def _final(outcome: Outcome) -> Outcome:
    match outcome:
        case Deferred(answer=answer, fault=fault) | Stuck(answer=answer, fault=fault):
            return Failed(answer, fault)
        case Uncertain(answer=answer, fault=fault):
            return Uncertain(answer, fault, None)
        case _:
            return outcome
