"""The table of bad inputs, kind by kind; no door is tested with a list of its own."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Value = str | bytes | int | bool

# Hosts of the table that are valid names: where they lead is vetted when they are resolved.
VALID_NAMES = frozenset(
    {
        *("localhost", "localhost.", "kubernetes.default.svc", "redis.internal"),
        *("a.rebind.test", "cname.test"),
    }
)

_TABLE = Path(__file__).with_name("bad_inputs.yaml")
_OF_OCTETS = frozenset({"mime", "smtp_in", "smtp_reply"})


@dataclass(frozen=True, slots=True)
class Row:
    """An input, and what is expected to become of it."""

    id: str
    expect: str
    value: Value

    def __str__(self) -> str:
        return self.id  # as pytest names a test, with `ids=str`

    @property
    def text(self) -> str:
        """The value of a kind that has texts alone."""
        assert isinstance(self.value, str)
        return self.value

    @property
    def octets(self) -> bytes:
        """The value of a kind that has octets alone."""
        assert isinstance(self.value, bytes)
        return self.value

    @property
    def is_rejected(self) -> bool:
        return self.expect.startswith("reject")


def rows(kind: str) -> list[Row]:
    """All rows of a kind; they are made when they are asked for, since some are large."""
    return [
        Row(each["id"], each["expect"], _value(each)) for each in _table() if each["kind"] == kind
    ]


@cache
def _table() -> list[Mapping[str, Any]]:
    table: list[Mapping[str, Any]] = yaml.safe_load(_TABLE.read_text("utf-8"))
    return table


def _value(entry: Mapping[str, Any]) -> Value:
    if "b64" in entry:
        return base64.b64decode(entry["b64"])
    if "gen" not in entry:
        value: Value = entry["value"]
        return value
    text = _generated(entry["gen"])
    return text.encode() if entry["kind"] in _OF_OCTETS else text


def _generated(plan: Mapping[str, Any]) -> str:
    repeat, times = plan["repeat"], plan["times"]
    if "{at}" not in repeat:
        return f"{plan['prefix']}{repeat * times}{plan['suffix']}"
    turns = "".join(repeat.replace("{at}", str(at)) for at in range(times))
    return f"{plan['prefix']}{turns}{plan['suffix']}"
