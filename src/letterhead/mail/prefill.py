"""What choosing a provider fills in: never over what a person typed."""

from letterhead.mail.providers import PROVIDERS


def is_ours(server: str) -> bool:
    """Whether the server stands there because a provider filled it in, or is still empty."""
    name = server.strip().lower()
    return not name or any(name in each.servers for each in PROVIDERS.values())
