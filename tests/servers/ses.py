"""
Amazon SES: moto's server, and in front of it what moto lacks.

moto answers CreateEmailIdentity, DeleteEmailIdentity, SendEmail, AssumeRole. What it lacks is
answered here: GetAccount, PutEmailIdentityMailFromAttributes,
PutEmailIdentityDkimSigningAttributes, CreateTenant, GetTenant, CreateTenantResourceAssociation,
PutConfigurationSetSuppressionOptions, {Create,Update}ConfigurationSetEventDestination; in
GetEmailIdentity the keys of Easy DKIM, which are verified by asking the tests' name server; and
the refusals: unverified senders, the sandbox, keys that were revoked, roles that want an external
id, and whatever a test asks for.
"""

import base64
import email
import hashlib
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

import dns.message
import dns.query
import httpx

REGION = "eu-west-1"
ZONE = "dkim.eu-west-1.amazonses.test"  # SES names one; ours is not the usual one
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/letterhead"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAOPERATOR00000001", "AWS_SECRET_ACCESS_KEY": "operator-secret"}

_IDENTITY = re.compile(r"/v2/email/identities/([^/]+)(/.*)?")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of AWS."""

    name: str
    message: str
    status: int = 400


REVOKED = Refusal("UnrecognizedClientException", "The security token is invalid.", 403)
TOO_FAST = Refusal("TooManyRequestsException", "Maximum sending rate exceeded.", 429)
NO_DAY_LEFT = Refusal("TooManyRequestsException", "Daily message quota exceeded.", 429)
PAUSED = Refusal("SendingPausedException", "Email sending is paused for this account.")
DOWN = Refusal("ServiceUnavailable", "Service is unavailable.", 503)
THERE = Refusal("AlreadyExistsException", "Email identity exists.")
UNKNOWN = Refusal("UnknownOperationException", "", 404)


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail that SES has taken, with all that was said of it."""

    request: Mapping[str, Any]
    message_id: str
    key_id: str

    @property
    def raw(self) -> bytes:
        return base64.b64decode(self.request["Content"]["Raw"]["Data"])

    @property
    def message(self) -> EmailMessage:
        found = email.message_from_bytes(self.raw, policy=SMTP)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def to(self) -> str:
        found: str = self.request["Destination"]["ToAddresses"][0]
        return found

    @property
    def tags(self) -> Mapping[str, str]:
        return {each["Name"]: each["Value"] for each in self.request["EmailTags"]}


@dataclass(slots=True)
class Ses:
    """The state of SES that tests look at and change."""

    moto: httpx.Client
    name_server: int  # a port of 127.0.0.1
    url: str = ""
    sandbox: bool = False
    a_second: float = 500.0
    has_tenants: bool = True
    hangs_up: bool = False  # after it has taken a mail, instead of an answer
    refusal: Refusal | None = None  # to each mail
    refusals: int = -1  # so many times; negative: for ever
    revoked: set[str] = field(default_factory=set)  # access key ids
    external_ids: set[str] = field(default_factory=set)  # that the role demands
    clicked: set[str] = field(default_factory=set)  # addresses whose link was opened
    given_up: set[str] = field(default_factory=set)  # identities that SES waits for no more
    mail_from: dict[str, str] = field(default_factory=dict)
    tenants: dict[str, set[str]] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)  # by configuration set
    taken: list[Taken] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
        """The status and the JSON of an answer; a Refusal is one of AWS's errors."""
        self.calls.append(f"{method} {path}")
        if key_id in self.revoked:
            return REVOKED.status, REVOKED
        for (of, pattern), act in _OURS.items():
            if of == method and re.fullmatch(pattern, path):
                return act(self, path, body, key_id)
        return self.forwarded(method, path, body)

    def forwarded(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        auth = "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/ses/aws4_request, "
        headers = {"Authorization": f"{auth}SignedHeaders=host, Signature=x"}
        said = self.moto.request(method, path, content=body, headers=headers)
        if said.is_error:
            name = said.headers.get("x-amzn-errortype", "Unknown")
            return said.status_code, Refusal(name, said.json().get("message", ""), said.status_code)
        return said.status_code, said.json() if said.content else {}

    def tokens(self, domain: str) -> list[str]:
        """The names of the keys of a domain: the same each time, as at SES."""
        return [hashlib.sha256(f"{domain}{at}".encode()).hexdigest()[:32] for at in range(3)]

    def is_verified(self, identity: str) -> bool:
        """As SES finds out: by asking DNS, or because the link in its mail was opened."""
        if "@" in identity:
            return identity in self.clicked or self.is_verified(identity.partition("@")[2])
        return all(
            self._asked(f"{each}._domainkey.{identity}", "CNAME") == {f"{each}.{ZONE}."}
            for each in self.tokens(identity)
        )

    def mail_from_status(self, host: str) -> str:
        found = self._asked(host, "MX") == {f"10 feedback-smtp.{REGION}.amazonses.com."}
        return "SUCCESS" if found else "PENDING"

    def _asked(self, name: str, kind: str) -> set[str]:
        question = dns.message.make_query(name, kind)
        said = dns.query.udp(question, "127.0.0.1", timeout=5, port=self.name_server)
        return {str(each) for rrset in said.answer for each in rrset}


def _account(ses: Ses, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
    a_day = 200.0 if ses.sandbox else 50_000.0
    quota = {
        "Max24HourSend": a_day,
        "MaxSendRate": ses.a_second,
        "SentLast24Hours": float(len(ses.taken)),
    }
    return 200, {
        "ProductionAccessEnabled": not ses.sandbox,
        "SendingEnabled": ses.refusal is not PAUSED,
        "EnforcementStatus": "HEALTHY",
        "SendQuota": quota,
    }


def _create(ses: Ses, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
    name = json.loads(body)["EmailIdentity"]
    status, _ = ses.forwarded("GET", f"/v2/email/identities/{name}", b"")
    if status == 200:
        return THERE.status, THERE
    return ses.forwarded("POST", path, body)


def _get(ses: Ses, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
    status, found = ses.forwarded("GET", path, body)
    if isinstance(found, Refusal):
        return status, found
    name = unquote(path.rpartition("/")[2])
    verified = ses.is_verified(name)
    state = "SUCCESS" if verified else "FAILED" if name in ses.given_up else "PENDING"
    keys = {"Status": state, "Tokens": ses.tokens(name), "SigningHostedZone": ZONE}
    found |= {"VerifiedForSendingStatus": verified, "VerificationStatus": state}
    found["DkimAttributes"] |= keys if "@" not in name else {}
    if host := ses.mail_from.get(name):
        how = {"MailFromDomainStatus": ses.mail_from_status(host)}
        usual = {"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"}
        found["MailFromAttributes"] = {"MailFromDomain": host, **how, **usual}
    return status, found


def _set_mail_from(ses: Ses, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
    ses.mail_from[unquote(path.split("/")[4])] = json.loads(body)["MailFromDomain"]
    return 200, {}


def _set_keys(ses: Ses, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
    ses.given_up.discard(unquote(path.split("/")[4]))
    return 200, {"DkimStatus": "PENDING"}


def _tenant(ses: Ses, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
    if not ses.has_tenants:
        return UNKNOWN.status, UNKNOWN
    said = json.loads(body)
    name = said["TenantName"]
    arn = f"arn:aws:ses:{REGION}:{ACCOUNT}:tenant/{name}/t-1"
    if path.endswith("/resources"):
        ses.tenants[name].add(said["ResourceArn"])
    elif path.endswith("/get"):
        return 200, {"Tenant": {"TenantName": name, "TenantArn": arn}}
    elif name in ses.tenants:
        return THERE.status, THERE
    else:
        ses.tenants[name] = set()
    return 200, {"TenantName": name, "TenantArn": arn}


def _make_set(ses: Ses, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
    said = json.loads(body)
    if said["ConfigurationSetName"] in ses.reports:
        return THERE.status, THERE
    ses.reports[said["ConfigurationSetName"]] = {}
    return ses.forwarded("POST", path, body)


def _set_suppressions(ses: Ses, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
    assert path.split("/")[4] in ses.reports
    return 200, {}


def _report_to(ses: Ses, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
    """An event destination, made by its own path or changed by that of its name."""
    _, _, _, _, of, _, *name = path.split("/")
    said = json.loads(body)
    if not name and said["EventDestinationName"] in ses.reports[of]:
        return THERE.status, THERE
    ses.reports[of][name[0] if name else said["EventDestinationName"]] = said["EventDestination"]
    return 200, {}


def _send(ses: Ses, path: str, body: bytes, key_id: str) -> tuple[int, Any]:
    said = json.loads(body)
    refusal = _refusal(ses, said)
    if refusal:
        return refusal.status, refusal
    status, answer = ses.forwarded("POST", path, body)
    if not isinstance(answer, Refusal):
        ses.taken.append(Taken(said, answer["MessageId"], key_id))
    return status, answer


def _refusal(ses: Ses, said: Mapping[str, Any]) -> Refusal | None:
    if ses.refusal and ses.refusals:
        ses.refusals -= 1
        return ses.refusal
    recipients = said["Destination"]["ToAddresses"]
    asked = [said["FromEmailAddress"], *(recipients if ses.sandbox else [])]
    failed = [each for each in asked if not ses.is_verified(each)]
    if failed:
        text = "Email address is not verified. The following identities failed the check in region"
        return Refusal("MessageRejected", f"{text} {REGION.upper()}: {', '.join(failed)}")
    tenant = said.get("TenantName")
    arn = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{asked[0].partition('@')[2]}"
    if tenant and arn not in ses.tenants.get(tenant, ()):
        return Refusal("NotFoundException", f"{arn} is not associated with {tenant}.", 404)
    return None


_KEPT = ("Content-Type", "X-Amzn-ErrorType", "X-Amzn-Query-Error")  # headers of moto's answers
_Act = Callable[[Ses, str, bytes, str], tuple[int, Any]]
_OURS: Mapping[tuple[str, str], _Act] = {
    ("GET", "/v2/email/account"): _account,
    ("POST", "/v2/email/identities"): _create,
    ("GET", "/v2/email/identities/[^/]+"): _get,
    ("PUT", "/v2/email/identities/[^/]+/mail-from"): _set_mail_from,
    ("PUT", "/v2/email/identities/[^/]+/dkim/signing"): _set_keys,
    ("POST", "/v2/email/tenants(/.*)?"): _tenant,
    ("POST", "/v2/email/outbound-emails"): _send,
    ("POST", "/v2/email/configuration-sets"): _make_set,
    ("PUT", "/v2/email/configuration-sets/[^/]+/suppression-options"): _set_suppressions,
    ("POST", "/v2/email/configuration-sets/[^/]+/event-destinations"): _report_to,
    ("PUT", "/v2/email/configuration-sets/[^/]+/event-destinations/[^/]+"): _report_to,
}


class _Handler(BaseHTTPRequestHandler):
    """HTTP of AWS: errors are named in a header, and the body is JSON (or XML for STS)."""

    protocol_version = "HTTP/1.1"
    ses: Ses

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        said = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        key_id = said[1] if said else ""
        if self.path == "/" and b"Action=AssumeRole" in body:
            self._lend(body, key_id)
            return
        if not self.path.startswith("/v2/"):
            self._pass_on(body)
            return
        status, found = self.ses.answer(self.command, self.path, body, key_id)
        if self.ses.hangs_up and self.path.endswith("/outbound-emails"):
            self.close_connection = True
            return
        self._say(status, found)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - their names there

    def _lend(self, body: bytes, key_id: str) -> None:
        """STS, which speaks XML."""
        asked = parse_qs(body.decode())
        self.ses.calls.append(f"STS {asked['Action'][0]}")
        allowed = asked["ExternalId"][0] in self.ses.external_ids
        text = (
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: desk is not authorized"
            " to perform: sts:AssumeRole on resource: role</Message></Error></ErrorResponse>"
        )
        if allowed:
            headers = {"Authorization": self.headers["Authorization"]}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            text = self.ses.moto.post("/", content=body, headers=headers).text
        self._send(200 if allowed else 403, text.encode(), {"Content-Type": "text/xml"})

    def _pass_on(self, body: bytes) -> None:
        """Of SNS and SQS, and what else is of the whole account, moto has all."""
        names = ("Authorization", "Content-Type", "X-Amz-Target", "X-Amzn-Query-Mode", "X-Amz-Date")
        headers = {name: value for name in names if (value := self.headers.get(name))}
        action = headers.get("X-Amz-Target") or parse_qs(body.decode()).get("Action", [""])[0]
        self.ses.calls.append(action)
        said = self.ses.moto.post(self.path, content=body, headers=headers)
        kept = {name: said.headers[name] for name in _KEPT if name in said.headers}
        self._send(said.status_code, said.content, kept)

    def _say(self, status: int, found: Any) -> None:
        headers = {"Content-Type": "application/json"}
        if isinstance(found, Refusal):
            headers["x-amzn-ErrorType"] = found.name
            found = {"message": found.message}
        self._send(status, json.dumps(found).encode(), headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    is_over = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell what broke; but who waits for mail of a queue may hang up, or outlast the test."""
        broken = sys.exception()
        cut = self.is_over and isinstance(broken, httpx.TransportError)
        if not (cut or isinstance(broken, ConnectionError)):
            super().handle_error(request, client_address)


@contextmanager
def running(moto: int, name_server: int) -> Iterator[Ses]:
    """SES on a free port, in threads of this process; moto forgets what was before."""
    with httpx.Client(base_url=f"http://127.0.0.1:{moto}", timeout=30) as client:
        client.post("/moto-api/reset")
        ses = Ses(client, name_server)
        handler = type("Handler", (_Handler,), {"ses": ses})
        server = _Server(("127.0.0.1", 0), handler)
        ses.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield ses
        finally:
            server.is_over = True
            server.shutdown()
            server.server_close()
            thread.join()
