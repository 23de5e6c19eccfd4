"""The identity provider that the operator has chosen: OpenID Connect, its code flow with PKCE."""

import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from letterhead.egress import Egress
from letterhead.egress import http as wire
from letterhead.errors import Forbidden
from letterhead.mail import address
from letterhead.mail.registration import Attempt, Registration
from letterhead.mail.said import said

SCOPE = "openid email"
_BASIC = "client_secret_basic"
_JSON = {"Accept": "application/json"}
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # signed by the provider alone: no HMAC, no none
_LEEWAY = 60  # seconds by which clocks may differ


class Identity:
    """Asks the provider who somebody is. Unreachable if it does not answer."""

    def __init__(self, registration: Registration, egress: Egress, tls: ssl.SSLContext) -> None:
        self._known = registration
        self._egress = egress
        self._tls = tls

    @property
    def name(self) -> str:
        return self._known.name

    async def look(self) -> None:
        """See whether the provider is there, and who it says to be."""
        async with wire.client(self._egress, self._tls) as http:
            await self._metadata(http)

    async def address(self, attempt: Attempt) -> str:
        """Where a browser is sent to sign in there."""
        async with wire.client(self._egress, self._tls) as http:
            metadata = await self._metadata(http)
        found: str = prepare_grant_uri(
            self._endpoint(metadata, "authorization_endpoint"),
            client_id=self._known.client_id,
            response_type="code",
            redirect_uri=attempt.back,
            scope=SCOPE,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return found

    async def email(self, answer: Mapping[str, str], attempt: Attempt, now: datetime) -> str:
        """
        The address for which the provider vouches, in small letters.

        `answer` is what the browser brought back; Forbidden if anything in it is not right.
        """
        self._demand_right(answer, attempt)
        async with wire.client(self._egress, self._tls) as http:
            metadata = await self._metadata(http)
            token = await self._token(http, metadata, answer["code"], attempt)
            keys = _json(await http.get(self._endpoint(metadata, "jwks_uri"), headers=_JSON))
            claims = self._claims(token, keys, attempt, now)
            if "email" not in claims:
                claims = await self._user(http, metadata, token, claims)
        return _vouched(claims)

    def _demand_right(self, answer: Mapping[str, str], attempt: Attempt) -> None:
        if answer.get("state") != attempt.state or answer.get("iss", self._known.issuer) != (
            self._known.issuer  # RFC 9207: no other provider's answer
        ):
            raise Forbidden(said("This sign-in was not begun here: begin it anew."))
        if answer.get("error"):
            raise Forbidden(said("{name} did not let you in.", name=self.name))
        if not answer.get("code"):
            raise self._garbled()

    async def _metadata(self, http: httpx.AsyncClient) -> Mapping[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0, section 4)."""
        issuer = self._known.issuer
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        found = _json(await http.get(url, headers=_JSON))
        if found.get("issuer") != issuer:
            raise Forbidden(said("LETTERHEAD_OIDC_ISSUER is not what the provider calls itself."))
        return found

    async def _token(
        self, http: httpx.AsyncClient, metadata: Mapping[str, Any], code: str, attempt: Attempt
    ) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.back,
            "code_verifier": attempt.verifier,
        }
        url = self._endpoint(metadata, "token_endpoint")
        login = self._known.client_id, self._known.client_secret.reveal()
        if _BASIC in metadata.get("token_endpoint_auth_methods_supported", [_BASIC]):
            auth = httpx.BasicAuth(*map(quote_plus, login))  # RFC 6749, section 2.3.1
            return _json(await http.post(url, data=form, auth=auth, headers=_JSON))
        form |= {"client_id": login[0], "client_secret": login[1]}
        return _json(await http.post(url, data=form, headers=_JSON))

    def _claims(
        self,
        token: Mapping[str, Any],
        keys: Any,  # noqa: ANN401 - as joserfc reads them
        attempt: Attempt,
        now: datetime,
    ) -> Mapping[str, Any]:
        """The claims of an ID token that is right (OpenID Connect Core 1.0, section 3.1.3.7)."""
        options = {
            "iss": {"essential": True, "value": self._known.issuer},
            "aud": {"essential": True, "value": self._known.client_id},
        }
        params = {"nonce": attempt.nonce, "client_id": self._known.client_id}
        try:
            read = jwt.decode(
                str(token.get("id_token")), KeySet.import_key_set(keys), algorithms=_ALGORITHMS
            )
            claims = CodeIDToken(read.claims, read.header, options, params)
            claims.validate(now=int(now.timestamp()), leeway=_LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise self._garbled() from error
        return dict(claims)

    async def _user(
        self,
        http: httpx.AsyncClient,
        metadata: Mapping[str, Any],
        token: Mapping[str, Any],
        claims: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """What the provider tells apart from the ID token, of the same person."""
        headers = {**_JSON, "Authorization": f"Bearer {token.get('access_token')}"}
        url = self._endpoint(metadata, "userinfo_endpoint")
        found = _json(await http.get(url, headers=headers))
        if found.get("sub") != claims["sub"]:
            raise self._garbled()
        return found

    def _endpoint(self, metadata: Mapping[str, Any], name: str) -> str:
        """An address of the provider: by TLS, unless the provider is on this machine."""
        found = metadata.get(name)
        schemes = ("https://",) if self._known.issuer.startswith("https:") else ("http", "https")
        if not isinstance(found, str) or not found.startswith(schemes):
            detail = said("The identity provider names no safe {name}.", name=name)
            raise Forbidden(detail)
        return found

    def _garbled(self) -> Forbidden:
        return Forbidden(said("The answer of {name} is not right: begin anew.", name=self.name))


def _vouched(claims: Mapping[str, Any]) -> str:
    if claims.get("email_verified") is not True:
        raise Forbidden(said("The provider does not say that your e-mail address is verified."))
    try:
        return address.address(str(claims.get("email"))).lower()
    except ValueError as error:
        raise Forbidden(said("The provider does not tell your e-mail address.")) from error


def _json(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found = answer.json() if answer.is_success else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        detail = said("The identity provider answers with {status}.", status=answer.status_code)
        raise Forbidden(detail)
    return found
