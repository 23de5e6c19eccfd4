"""The tests' own SES, where it could disturb the tests."""

import time
from urllib.parse import urlencode

import httpx
import pytest

from tests.servers import ses

_AUTH = "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/sqs/aws4_request, "
HEADERS = {
    "Authorization": f"{_AUTH}SignedHeaders=host, Signature=x",
    "Content-Type": "application/x-www-form-urlencoded",
}


def sqs(action: str, **more: str) -> str:
    return urlencode({"Action": action, "Version": "2012-11-05", **more})


@pytest.mark.parametrize("seconds", [0.2, 1.5], ids=["meanwhile", "afterwards"])
def test_who_hangs_up_on_a_long_poll_leaves_no_traceback(
    moto: int, capfd: pytest.CaptureFixture[str], seconds: float
) -> None:
    with ses.running(moto, 9) as found:
        made = httpx.post(found.url, content=sqs("CreateQueue", QueueName="q"), headers=HEADERS)
        queue = f"http://127.0.0.1:{moto}/123456789012/q"
        body = sqs("ReceiveMessage", QueueUrl=queue, WaitTimeSeconds="1")
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(found.url, content=body, headers=HEADERS, timeout=0.1)
        time.sleep(seconds)
    time.sleep(1.5 - seconds)

    assert made.is_success, made.text
    assert capfd.readouterr().err == ""
