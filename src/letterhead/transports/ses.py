"""The way out by Amazon SES: one message for one recipient, as a raw message of its API."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from letterhead.egress import Egress
from letterhead.errors import Unreachable
from letterhead.mail.reply import Answer, Break, Kind, Reply, Stage, safe_text
from letterhead.mail.server import Envelope
from letterhead.mail.ses import THROTTLED, Access
from letterhead.mail.settings import SES_CONNECTIONS
from letterhead.transports.aws import Aws, Client, Line
from letterhead.transports.base import BeforeDot, Upcoming, Watch, stale
from letterhead.transports.handover import BRISK, Handover
from letterhead.transports.session import Declined
from letterhead.transports.tls import agreed
from letterhead.transports.wire import Wire

_TRIES = 3  # of a mail that came too fast for SES, which then has not taken it
_REST = 1.0  # seconds for which nobody sends then
_QUOTA_LASTS = 300.0  # seconds
_HTTPS = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How mail is to be sent: as whom, and under which names at SES (empty: none)."""

    access: Access
    configuration_set: str = ""
    tenant: str = ""


class SesTransport:
    """Hands messages to SES, as fast as the account may send."""

    together = None

    def __init__(self, sending: Sending, aws: Aws, stages: "Stages") -> None:
        self._sending = sending
        self._aws = aws
        self._stages = stages
        self._line = aws.line(sending.access)
        self._seats = asyncio.Semaphore(SES_CONNECTIONS)

    def seats(self, waiting: int) -> int:  # noqa: ARG002
        """A slow account needs few: who waits for a turn should not hold mail meanwhile."""
        return max(1, min(SES_CONNECTIONS, int(self._line.pace.a_second or SES_CONNECTIONS)))

    def line(self, upcoming: Upcoming) -> "SesTransport":  # noqa: ARG002
        return self

    async def send(self, envelope: Envelope, before_dot: BeforeDot) -> Answer:
        """Hand one message over; what SES had no time for is tried again a little later."""
        async with self._seats:
            try:
                return await self._paced(await self._ready(), envelope, before_dot)
            except Declined as declined:
                return declined.answer

    async def rehearse(self, envelope: Envelope, before_dot: BeforeDot, watch: Watch) -> Answer:
        """Hand one message over, and tell each stage to `watch`."""
        handover = Handover(BRISK, watch)
        try:
            client = await self._line.client()
            await self._stages.connect(client, handover)
            handover.reach(Stage.SIGN_IN)
            handover.passed(await self._signed_in(client))
            handover.reach(Stage.MESSAGE)
            answer = await _sent(client, self._parameters(envelope), before_dot)
        except Declined as declined:
            answer = declined.answer
        except Unreachable as error:
            answer = handover.broken(error)
        _tell(handover, envelope, answer)
        return answer

    async def probe(self) -> Answer | None:
        """Ask for the account: it needs credentials that are right, and no mail."""
        try:
            await self._signed_in(await self._line.client())
        except Declined as declined:
            return declined.answer
        return None

    async def close(self) -> None:
        await self._aws.leave(self._sending.access, self._line)

    async def _ready(self) -> Client:
        client = await self._line.client()
        await _follow_rate(self._line, client)
        return client

    async def _paced(self, client: Client, envelope: Envelope, before_dot: BeforeDot) -> Answer:
        answer: Answer = Break(Stage.MESSAGE, Kind.STALE)
        for _ in range(_TRIES):
            await self._line.pace.turn()
            answer = await _sent(client, self._parameters(envelope), before_dot)
            if not _too_fast(answer):
                break
            self._line.pace.rest(_REST)
        return answer

    async def _signed_in(self, client: Client) -> str:
        """Declined if the credentials are not right; who may not ask for the account has some."""
        try:
            await client.call("get_account", {})
        except Declined as declined:
            if declined.answer.stage is Stage.SIGN_IN or isinstance(declined.answer, Break):
                raise
        return f"signed in to {self._sending.access.region}"

    def _parameters(self, envelope: Envelope) -> Mapping[str, Any]:
        names = {
            "ConfigurationSetName": self._sending.configuration_set,
            "TenantName": self._sending.tenant,
        }
        return {
            "FromEmailAddress": envelope.sender,
            "Destination": {"ToAddresses": [envelope.recipient]},
            "Content": {"Raw": {"Data": b"".join(envelope.content)}},
            "EmailTags": [{"Name": key, "Value": each} for key, each in envelope.labels.items()],
            **{key: name for key, name in names.items() if name},
        }


@dataclass(frozen=True, slots=True)
class Stages:
    """The first stages of a test, over a connection that nothing is sent by."""

    egress: Egress
    tls: Any  # an ssl.SSLContext

    async def connect(self, client: Client, handover: Handover) -> None:
        """Resolve, connect and encrypt; Unreachable where that cannot be."""
        where = urlsplit(client.endpoint)
        host, limits = where.hostname or "", handover.timeouts
        port = where.port or _HTTPS
        handover.reach(Stage.RESOLVE)
        found = await self.egress.resolve(host, port=port, trusted=True)
        handover.passed(", ".join(map(str, found)))
        handover.reach(Stage.CONNECT)
        connection = await self.egress.connect(found, port, seconds=limits.connect)
        handover.passed(f"{host} port {port}")
        handover.reach(Stage.ENCRYPT)
        if where.scheme != "https":
            connection.close()
            handover.passed("not encrypted")
            return
        wire = await Wire.over_tls(connection, self.tls, host, seconds=limits.tls)
        handover.passed(agreed(wire.tls, host) if wire.tls else "")
        wire.abort()


async def _sent(client: Client, parameters: Mapping[str, Any], before_dot: BeforeDot) -> Answer:
    if not await before_dot():
        return stale()
    try:
        answer = await client.call("send_email", parameters)
    except Declined as declined:
        return _as_sent(declined.answer)
    return Reply(Stage.MESSAGE, 250, safe_text(f"Ok {answer.get('MessageId', '')}"))


def _as_sent(answer: Answer) -> Answer:
    """After a break under the request nobody knows whether SES has taken the mail."""
    if isinstance(answer, Break) and answer.stage is Stage.MESSAGE:
        return replace(answer, after_dot=True)
    return answer


def _too_fast(answer: Answer) -> bool:
    """Whether SES asks for a little patience; a used-up day is another thing."""
    if not isinstance(answer, Reply) or answer.code != THROTTLED:
        return False
    return "daily" not in answer.sentence


def _tell(handover: Handover, envelope: Envelope, answer: Answer) -> None:
    """SES answers to sender, recipient and message at once."""
    if not isinstance(answer, Reply) or not answer.positive:
        handover.failed(answer)
        return
    for stage, detail in (
        (Stage.SENDER, envelope.sender),
        (Stage.RECIPIENT, envelope.recipient),
        (Stage.MESSAGE, f"{answer.code} {answer.text}"),
    ):
        handover.stage = stage
        handover.passed(detail)


async def _follow_rate(line: Line, client: Client) -> None:
    """Ask now and then how fast the account may send; it sends on where that is not told."""
    now = asyncio.get_running_loop().time()
    if now < line.rate_until:
        return
    line.rate_until = now + _QUOTA_LASTS
    try:
        answer = await client.call("get_account", {})
    except Declined as declined:
        if declined.answer.stage is Stage.SIGN_IN:  # one refused sign-in is enough
            line.rate_until = 0.0
            raise
        return
    line.pace.a_second = float(answer.get("SendQuota", {}).get("MaxSendRate", 0))
