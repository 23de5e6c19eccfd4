"""What Amazon SES reports, as SNS brings it to our door or SQS keeps it for us."""

import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import structlog

from letterhead.errors import Forbidden
from letterhead.mail import feedback, sns
from letterhead.mail.feedback import Report
from letterhead.mail.sns import Envelope, Kind

log = structlog.get_logger(__name__)


class Rows(Protocol):
    """What feedback needs of the store."""

    async def keep(self, report: Report) -> int | None: ...


class Post(Protocol):
    """What feedback needs of SNS."""

    async def demand_signature(self, envelope: Envelope) -> None:
        """Forbidden unless SNS itself has signed it."""
        ...

    async def confirm(self, envelope: Envelope) -> None:
        """Tell SNS that we want what it announces."""
        ...


@dataclass(frozen=True, slots=True)
class Feedback:
    """Takes reports of the topics that the operator named, and of no other."""

    rows: Rows
    post: Post
    topics: Collection[str]
    judge: Callable[[int], Awaitable[None]]  # a portal, after what counts against it

    async def from_sns(self, raw: bytes) -> None:
        """Take what somebody says SNS sends; Forbidden unless it is signed, and of our topic."""
        envelope = self._read(raw)
        await self.post.demand_signature(envelope)
        match envelope.kind:
            case Kind.CONFIRM:
                await self.post.confirm(envelope)
                log.info("subscribed", topic=envelope.topic)
            case Kind.NOTIFICATION:
                await self._keep(envelope)
            case Kind.GONE:
                log.warning("unsubscribed", topic=envelope.topic)

    async def from_sqs(self, raw: bytes) -> None:
        """Take what our queue holds: only our topic may write there, so it needs no signature."""
        envelope = self._read(raw)
        if envelope.kind is Kind.NOTIFICATION:
            await self._keep(envelope)

    def _read(self, raw: bytes) -> Envelope:
        """Forbidden for what is not of a topic of ours; the sender learns no more than that."""
        try:
            envelope = sns.read(raw)
        except ValueError as error:
            raise Forbidden("This is no message of Amazon SNS.") from error
        if envelope.topic not in self.topics:
            raise Forbidden("This topic is not ours.")
        return envelope

    async def _keep(self, envelope: Envelope) -> None:
        """A message of our topic that is no event is nothing to be sent again."""
        try:
            report = feedback.read(json.loads(envelope.message))
        except ValueError as error:
            log.info("no event", topic=envelope.topic, reason=str(error)[:200])
            return
        portal_id = await self.rows.keep(report) if report else None
        if report is None or portal_id is None:
            return
        log.info("reported", kind=report.kind.value, recipient=report.recipient_id)
        if report.suppresses:
            await self.judge(portal_id)
