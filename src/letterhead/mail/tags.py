"""Tag lists (RFC 6376, section 3.2), in which DKIM keys and DMARC policies are written."""

import re
from collections.abc import Mapping

_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*?)\s*", re.DOTALL)


class NotTags(ValueError):
    """The record breaks the grammar; the message says where."""


def read(text: str) -> Mapping[str, str]:
    """The tags of a record by their names, in their order; no tag may stand twice."""
    found: dict[str, str] = {}
    parts = text.split(";")
    for part in parts[:-1] if not parts[-1].strip() else parts:
        match = _TAG.fullmatch(part)
        if match is None:
            raise NotTags(f"{part.strip()[:60]!r} is no tag.")
        if match[1] in found:
            raise NotTags(f"The tag {match[1]} stands twice.")
        found[match[1]] = match[2]
    return found
