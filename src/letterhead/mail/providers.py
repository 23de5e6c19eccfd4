"""The provider drop-down."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One entry of the provider drop-down."""

    key: str
    name: str
    connections: int = 10  # open at once, at most


PROVIDERS = MappingProxyType(
    {each.key: each for each in (Provider(key="other", name="Other"),)},
)

# Hosts that trust the sender's address instead of a login. The leading dot is the label boundary.
RELAY_SUFFIXES = (
    ".mail.protection.outlook.com",
    ".mx.microsoft",
    ".mail.protection.office365.us",
    ".mail.protection.partner.outlook.cn",
)
