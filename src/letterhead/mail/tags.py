"""Tag lists (RFC 6376, section 3.2), in which DKIM keys and DMARC policies are written."""

import re
from collections.abc import Mapping

from letterhead.mail.said import said

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
            raise NotTags(said("{part} is no tag.", part=repr(part.strip()[:60])))
        if match[1] in found:
            raise NotTags(said("The tag {tag} stands twice.", tag=match[1]))
        found[match[1]] = match[2]
    return found
