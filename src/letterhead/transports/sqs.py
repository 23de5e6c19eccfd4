"""A queue of Amazon SQS, in which SNS puts what SES reports."""

from collections.abc import Sequence

from letterhead.errors import Unavailable
from letterhead.mail.ses import Access
from letterhead.transports.aws import SQS, Aws, Client
from letterhead.transports.session import Declined

_AT_ONCE = 10  # SQS gives no more
_WAITS = 20  # seconds, at SQS, for a message to come


class SqsQueue:
    """One queue; fits `delivery.polling.Queue`."""

    def __init__(self, aws: Aws, name: str, region: str) -> None:
        self.name = name
        self._aws = aws
        self._region = region
        self._client: Client | None = None
        self._url = ""

    async def received(self) -> Sequence[tuple[str, bytes]]:
        asked = {"MaxNumberOfMessages": _AT_ONCE, "WaitTimeSeconds": _WAITS}
        try:
            client = await self._opened()
            found = await client.call("receive_message", {**asked, "QueueUrl": self._url})
        except Declined as declined:
            raise Unavailable(declined.words) from declined
        return [
            (str(each["ReceiptHandle"]), str(each["Body"]).encode())
            for each in found.get("Messages", ())
        ]

    async def taken(self, receipt: str) -> None:
        try:
            client = await self._opened()
            await client.call("delete_message", {"QueueUrl": self._url, "ReceiptHandle": receipt})
        except Declined as declined:
            raise Unavailable(declined.words) from declined

    async def close(self) -> None:
        if self._client:
            await self._client.close()
            self._client = None

    async def _opened(self) -> Client:
        if self._client is None:
            self._client = await self._aws.client(SQS, Access(self._region))
        if not self._url:
            found = await self._client.call("get_queue_url", {"QueueName": self.name})
            self._url = str(found["QueueUrl"])
        return self._client
