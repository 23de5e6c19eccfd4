"""How much, how often and how long the door lets anybody."""

from collections import OrderedDict, deque
from dataclasses import dataclass
from ipaddress import ip_address, ip_network


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds (RFC 5321, section 4.5.3.2), and numbers of connections."""

    entrance: float = 120.0  # from the connection to the sign-in, all in all
    tls: float = 30.0
    command: float = 300.0  # for a whole command
    message: float = 900.0  # for a whole message
    leave: float = 2.0  # for the other side to take the last reply
    connections: int = 4_000
    connections_of_address: int = 2_000


SPAN = 900.0  # seconds for which a failed sign-in counts
FAILURES_OF_PORTAL = 10  # from one address
FAILURES_OF_ADDRESS = 100
_REMEMBERED = 10_000  # of those who failed

_Who = tuple[str, ...]


class Failures:
    """Sign-ins that failed lately, by address and by what was tried there; nothing clears them."""

    def __init__(self) -> None:
        self._times: OrderedDict[_Who, deque[float]] = OrderedDict()

    def too_many(self, address: str, slug: str, now: float) -> bool:
        return any(self._lately(who, now) >= limit for who, limit in _limits(address, slug))

    def note(self, address: str, slug: str, now: float) -> None:
        for who, limit in _limits(address, slug):
            self._times.setdefault(who, deque(maxlen=limit)).append(now)
            self._times.move_to_end(who)
        while len(self._times) > _REMEMBERED:
            self._times.popitem(last=False)

    def _lately(self, who: _Who, now: float) -> int:
        times = self._times.get(who, deque())
        while times and now - times[0] >= SPAN:
            times.popleft()
        return len(times)


def network(address: str) -> str:
    """Whom an address stands for: of IPv6, one customer has a /64."""
    found = ip_address(address.partition("%")[0])
    return str(ip_network((found, 64), strict=False)) if found.version == 6 else str(found)  # noqa: PLR2004


def _limits(address: str, slug: str) -> list[tuple[_Who, int]]:
    return [((address, slug[:64]), FAILURES_OF_PORTAL), ((address,), FAILURES_OF_ADDRESS)]
