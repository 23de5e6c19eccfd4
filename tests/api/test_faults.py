"""The catalogue of faults, as programs read it."""

from letterhead.mail import faults
from letterhead.mail.portal import Scope
from tests.running import Portal


def test_the_catalogue_is_listed_for_every_key(portal: Portal) -> None:
    shown = {"Authorization": f"Bearer {portal.key(Scope.SEND)}"}

    found = portal.platform.http.get("/v1/faults", headers=shown).json()

    items = {each["code"]: each for each in found["items"]}
    assert found["next_cursor"] is None
    assert list(items) == [each.code for each in faults.every()]
    assert items["no-such-mailbox"]["suppresses"] is True
    assert (items["login-refused"]["retry"], items["login-refused"]["hold_s"]) == ("fix", None)
    assert items["google-daily-limit"] == {
        "code": "google-daily-limit",
        "title": "The account has reached Google's daily limit",
        "meaning": faults.by_code("google-daily-limit").meaning,
        "who": "nobody",
        "steps": list(faults.by_code("google-daily-limit").steps),
        "fields": [],
        "retry": "window",
        "scope": "account",
        "hold_s": 10800,
        "suppresses": False,
        "examples": [
            {
                "providers": ["gmail"],
                "stages": [],
                "reply": "550 5.4.5 Daily user sending limit exceeded.",
                "confirmed": True,
                "synthetic": False,
            }
        ],
    }
