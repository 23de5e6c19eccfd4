"""Where AWS tells us what became of mails: open to all, and taken only with its signature."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from letterhead.api import body
from letterhead.api.access import OfficeOf
from letterhead.mail import sns

router = APIRouter(tags=["hooks"])


@router.post("/hooks/amazon-sns", status_code=204)
async def amazon_sns(office: OfficeOf, request: Request) -> Response:
    """
    Take a message of Amazon SNS: a subscription that waits to be confirmed, or an event of SES.

    It needs no key. It must be of a topic of LETTERHEAD_SES_TOPICS and carry the signature of SNS,
    else the answer is 403. 503 asks SNS to send it again.
    """
    await office.feedback.from_sns(await body.octets(request, limit=sns.LIMIT))
    return Response(status_code=204)
