"""The regions of Amazon SES, out of botocore's own data; its code costs too much for a list."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from letterhead.errors import Misconfigured
from letterhead.mail.ses import Region

_SERVICE = "email"  # as botocore calls Amazon SES among its endpoints


@cache
def regions() -> Mapping[str, Region]:
    """By name: eu-west-1 is Europe (Ireland). Reading them takes some milliseconds, once."""
    found = {
        name: Region(name, part["regions"][name]["description"], part["dnsSuffix"])
        for part in _partitions()
        for name in part["services"].get(_SERVICE, {}).get("endpoints", {})
        if name in part["regions"]
    }
    return MappingProxyType(dict(sorted(found.items())))


def demand_region(name: str) -> str:
    """Refuse a region that has no Amazon SES."""
    if name not in regions():
        raise Misconfigured(f"Amazon SES is not in a region {name!r}.")
    return name


def _partitions() -> list[dict[str, Any]]:
    spec = find_spec("botocore")
    folder = Path(spec.origin or "").parent if spec else Path()
    document = json.loads((folder / "data" / "endpoints.json").read_text("utf-8"))
    found: list[dict[str, Any]] = document["partitions"]
    return found
