"""The regions of Amazon SES, out of botocore's own data; loaded by who needs it only."""

from collections.abc import Mapping
from types import MappingProxyType

import botocore.session

from letterhead.mail.ses import Region


def regions() -> Mapping[str, Region]:
    """By name: eu-west-1 is Europe (Ireland)."""
    session = botocore.session.get_session()
    found: dict[str, Region] = {}
    for part in session.get_component("data_loader").load_data("endpoints")["partitions"]:
        words, suffix = part["regions"], part["dnsSuffix"]
        for name in session.get_available_regions("sesv2", partition_name=part["partition"]):
            found[name] = Region(name, words.get(name, {}).get("description", name), suffix)
    return MappingProxyType(dict(sorted(found.items())))
