"""What choosing a provider fills in: never over what a person typed."""

from letterhead.mail.providers import PROVIDERS


def is_ours(server: str) -> bool:
    """Whether the server stands there because a provider filled it in, or is still empty."""
    name = server.strip().lower()
    return not name or any(name in each.servers for each in PROVIDERS.values())


def is_our_port(port: str) -> bool:
    """Whether the port is one that a provider fills in, or is still empty."""
    text = port.strip()
    return not text or text in {str(each.port) for each in PROVIDERS.values()}
