"""The pages of the API: all of its routes, without a script, with nothing from elsewhere."""

import re

import httpx

from tests.running import Platform


def test_every_route_is_told_with_its_fields(platform: Platform) -> None:
    document = platform.http.get("/openapi.json").json()
    wanted = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }

    answer = httpx.get(f"{platform.address}/docs")

    told = re.findall(r"<code>((?:GET|POST|PUT|DELETE) /[^<]*)</code></h3>", answer.text)
    assert sorted(told) == sorted(wanted)
    for field in ("to.email", "attachments.content", "idempotency-key", "from_name", "X-Portal"):
        assert field.lower() in answer.text.lower(), field


def test_it_loads_nothing_from_elsewhere(platform: Platform) -> None:
    answer = httpx.get(f"{platform.address}/docs")

    assert "unsafe" not in answer.headers["content-security-policy"]
    loaded = re.findall(r'<(?:script|link|img|iframe)[^>]* (?:src|href)="([^"]*)"', answer.text)
    assert loaded
    assert all(each.startswith(("/static/", "data:,")) for each in loaded)
