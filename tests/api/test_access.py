"""Who may do what: every route, asked with no key, a wrong one, one of another portal."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter

from letterhead.api.access import ANY, demand_policies
from letterhead.api.app import build
from letterhead.mail.portal import Scope
from tests.forms import message
from tests.running import Platform, Portal

OPEN = {"/healthz", "/readyz", "/metrics", "/hooks/amazon-sns"}
NEEDS = {  # what a portal's key must be allowed for each route; None: the platform's alone
    ("POST", "/v1/portals"): None,
    ("GET", "/v1/portals"): Scope.READ,
    ("GET", "/v1/portals/{slug}"): Scope.READ,
    ("DELETE", "/v1/portals/{slug}"): None,
    ("GET", "/v1/portals/{slug}/export"): None,
    ("PUT", "/v1/portals/{slug}/submission"): Scope.SETTINGS,
    ("POST", "/v1/portals/{slug}/keys"): None,
    ("GET", "/v1/portals/{slug}/keys"): None,
    ("DELETE", "/v1/portals/{slug}/keys/{key_id}"): None,
    ("POST", "/v1/portals/{slug}/sessions"): None,
    ("GET", "/v1/providers"): Scope.READ,
    ("GET", "/v1/ses/regions"): Scope.READ,
    ("POST", "/v1/portals/{slug}/email-settings/identity/verify"): Scope.SETTINGS,
    ("DELETE", "/v1/portals/{slug}/email-settings/identity"): Scope.SETTINGS,
    ("GET", "/v1/faults"): ANY,
    ("GET", "/v1/portals/{slug}/email-settings"): Scope.READ,
    ("POST", "/v1/portals/{slug}/email-settings/check-dns"): Scope.SETTINGS,
    ("POST", "/v1/portals/{slug}/email-settings/prefill"): Scope.SETTINGS,
    ("POST", "/v1/portals/{slug}/email-settings/prove-domain"): Scope.SETTINGS,
    ("POST", "/v1/portals/{slug}/email-settings/prove-domain/confirm"): Scope.SETTINGS,
    ("PUT", "/v1/portals/{slug}/email-settings"): Scope.SETTINGS,
    ("POST", "/v1/portals/{slug}/email-settings/test"): Scope.SETTINGS,
    ("POST", "/v1/portals/{slug}/email-settings/confirm"): Scope.SETTINGS,
    ("POST", "/v1/portals/{slug}/email-settings/switch-on"): Scope.SETTINGS,
    ("POST", "/v1/portals/{slug}/email-settings/switch-back"): Scope.SETTINGS,
    ("POST", "/v1/portals/{slug}/email-settings/resume"): Scope.SETTINGS,
    ("PUT", "/v1/portals/{slug}/email-settings/fallback"): Scope.SETTINGS,
    ("GET", "/v1/portals/{slug}/held"): Scope.READ,
    ("POST", "/v1/portals/{slug}/held/release"): Scope.SETTINGS,
    ("POST", "/v1/portals/{slug}/held/discard"): Scope.SETTINGS,
    ("GET", "/v1/suppressions"): Scope.READ,
    ("POST", "/v1/suppressions"): Scope.SEND,
    ("DELETE", "/v1/suppressions"): Scope.SEND,
    ("DELETE", "/v1/suppressions/{email}"): Scope.SEND,
    ("GET", "/v1/webhooks"): Scope.READ,
    ("POST", "/v1/webhooks"): Scope.SETTINGS,
    ("DELETE", "/v1/webhooks/{webhook_id}"): Scope.SETTINGS,
    ("POST", "/v1/messages"): Scope.SEND,
    ("POST", "/v1/messages/batch"): Scope.SEND,
    ("GET", "/v1/messages"): Scope.READ,
    ("GET", "/v1/messages/{message_id}"): Scope.READ,
    ("GET", "/v1/messages/{message_id}/events"): Scope.READ,
    ("GET", "/v1/messages/{message_id}/body"): Scope.BODIES,
    ("POST", "/v1/messages/{message_id}/cancel"): Scope.SEND,
    ("POST", "/v1/messages/{message_id}/send-again"): Scope.SEND,
    ("POST", "/v1/messages/{message_id}/resolve"): Scope.SEND,
}


def routes() -> Iterator[tuple[str, str]]:
    document = build(None, dict).openapi()  # type: ignore[arg-type] # no route is called
    for path, methods in document["paths"].items():
        yield from ((method.upper(), path) for method in methods if path not in OPEN)


def call(platform: Platform, method: str, path: str, **shown: str) -> int:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in shown.items()]
    answer = platform.http.request(method, path, headers=headers, json={})
    return answer.status_code


def filled(portal: Portal, path: str) -> str:
    """The path to what the portal has."""
    values = {"slug": portal.slug, "message_id": "", "email": "gone@client.test", "key_id": ""}
    if "{message_id}" in path:
        values["message_id"] = portal.send(message())
    if "{key_id}" in path:
        portal.key(Scope.READ)
        keys = portal.call("GET", f"/portals/{portal.slug}/keys")["items"]
        values["key_id"] = str(keys[0]["id"])
    if "{webhook_id}" in path:
        made = portal.call("POST", "/webhooks", {"url": "https://hooks.hart.test/"})
        values["webhook_id"] = str(made["id"])
    if path.startswith("/v1/suppressions"):
        portal.call("POST", "/suppressions", {"email": values["email"]})
    return path.format(**values) + (
        "?email=gone@client.test" if path.endswith("suppressions") else ""
    )


def test_every_route_is_in_the_table() -> None:
    assert set(routes()) == NEEDS.keys()


def test_a_route_without_a_policy_stops_the_start() -> None:
    router = APIRouter()
    router.add_api_route("/nobody-thought-of-me", lambda: None)

    with pytest.raises(TypeError, match="nobody-thought-of-me"):
        demand_policies(router)


@pytest.mark.parametrize(("method", "path"), NEEDS, ids=lambda value: value)
def test_without_a_known_key_there_is_nothing(portal: Portal, method: str, path: str) -> None:
    path = filled(portal, path)

    answers = [
        call(portal.platform, method, path, Authorization=shown)
        for shown in ("", "Bearer", "Bearer lh_nothing", "Basic dXNlcjpwYXNz", "Bearer ÿ")
    ]

    assert answers == [401] * 5


@pytest.mark.parametrize(("method", "path"), NEEDS, ids=lambda value: value)
def test_a_key_of_another_portal_finds_nothing(
    portal: Portal, stranger: Portal, method: str, path: str
) -> None:
    key = stranger.key(*Scope)
    path = filled(portal, path)

    answer = call(
        portal.platform, method, path, **{"Authorization": f"Bearer {key}", "X-Portal": portal.slug}
    )

    general = {"/v1/portals", "/v1/providers", "/v1/faults", "/v1/ses/regions"}
    own_list = method == "GET" and path in general
    assert answer == (200 if own_list else 403 if path == "/v1/portals" else 404)


@pytest.mark.parametrize(("method", "path"), NEEDS, ids=lambda value: value)
def test_a_key_does_what_its_scopes_say(portal: Portal, method: str, path: str) -> None:
    needed = NEEDS[method, path]
    others = [each for each in Scope if each is not needed]
    path = filled(portal, path)

    without = call(portal.platform, method, path, Authorization=f"Bearer {portal.key(*others)}")

    assert without == (200 if needed == ANY else 403)
    if isinstance(needed, Scope):
        shown = f"Bearer {portal.key(needed)}"
        assert call(portal.platform, method, path, Authorization=shown) not in {401, 403, 404}


def test_a_portal_s_key_cannot_send_mail_of_the_platform(portal: Portal) -> None:
    shown = {"Authorization": f"Bearer {portal.key(Scope.SEND)}"}

    answer = portal.platform.http.post(
        "/v1/messages", headers=shown, json={**message(), "class": "system"}
    )

    assert answer.status_code == 403


def test_a_platform_key_names_the_portal(capturing: Platform) -> None:
    answer = capturing.http.post("/v1/messages", json=message())

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "X-Portal"


def test_a_portal_s_list_of_portals_is_its_own(portal: Portal) -> None:
    shown = {"Authorization": f"Bearer {portal.key(Scope.READ)}"}

    items = portal.platform.http.get("/v1/portals", headers=shown).json()["items"]

    assert [each["slug"] for each in items] == [portal.slug]
