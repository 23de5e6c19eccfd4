"""Makes in an AWS account what a plan names, or finds it there."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from letterhead.errors import Conflict
from letterhead.mail.ses import Access
from letterhead.mail.ses_setup import Step
from letterhead.transports.aws import Aws, Client
from letterhead.transports.session import Declined

_THERE = "alreadyexistsexception"

Row = Mapping[str, str]


async def whose(aws: Aws, region: str) -> tuple[str, str]:
    """The partition and the number of the account; Conflict if AWS does not know us."""
    async with AsyncExitStack() as stack:
        client = await _opened(aws, "sts", region, stack)
        found = await _called(client, "get_caller_identity", {})
    return str(found["Arn"]).split(":")[1], str(found["Account"])


async def carry_out(aws: Aws, region: str, plan: Sequence[Step]) -> Sequence[Row]:
    """Make everything, in its order; Conflict tells what AWS refused, and what was not made."""
    clients: dict[str, Client] = {}
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        for step in plan:
            if step.service not in clients:
                clients[step.service] = await _opened(aws, step.service, region, stack)
            rows.append({"what": step.words, "done": await _made(clients[step.service], step)})
    return rows


async def _made(client: Client, step: Step) -> str:
    try:
        await client.call(step.operation, step.parameters)
    except Declined as declined:
        is_there = declined.words.casefold().startswith(_THERE)
        if not is_there or step.instead is None:
            raise Conflict(f"{step.words}: {declined.words}") from declined
        await _called(client, *step.instead)
        return "was there"
    return "yes"


async def _opened(aws: Aws, service: str, region: str, stack: AsyncExitStack) -> Client:
    try:
        client = await aws.client(service, Access(region))
    except Declined as declined:
        raise Conflict(declined.words) from declined
    stack.push_async_callback(client.close)
    return client


async def _called(
    client: Client, operation: str, parameters: Mapping[str, Any]
) -> Mapping[str, Any]:
    try:
        return await client.call(operation, parameters)
    except Declined as declined:
        raise Conflict(f"{operation}: {declined.words}") from declined
