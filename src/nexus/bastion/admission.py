"""How many may knock: connections at once, of one address, and of one address in a minute. Pure; times in seconds."""

from collections import OrderedDict

from nexus.bastion.model import CONNECTIONS_PER_MINUTE, MAX_CONNECTIONS, MAX_CONNECTIONS_OF_ADDRESS

MAX_ADDRESSES = 4_096
"""Addresses remembered."""
MINUTE_S = 60.0


class Admission:
    """Counts connections; a token bucket for each address refills within a minute."""

    def __init__(
        self,
        *,
        at_once: int = MAX_CONNECTIONS,
        of_address: int = MAX_CONNECTIONS_OF_ADDRESS,
        per_minute: int = CONNECTIONS_PER_MINUTE,
    ) -> None:
        self._at_once = at_once
        self._of_address = of_address
        self._per_minute = per_minute
        self._open: dict[str, int] = {}
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, address: str, now: float) -> bool:
        """Whether one more connection of this address may come in; then `leave` must follow."""
        if sum(self._open.values()) >= self._at_once or self._open.get(address, 0) >= self._of_address:
            return False
        if not self._take(address, now):
            return False
        self._open[address] = self._open.get(address, 0) + 1
        return True

    def leave(self, address: str) -> None:
        """A connection that was admitted has ended."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    def _take(self, address: str, now: float) -> bool:
        left, seen = self._left.pop(address, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - seen) * self._per_minute / MINUTE_S)
        granted = left >= 1.0
        self._left[address] = (left - 1.0 if granted else left, now)
        while len(self._left) > MAX_ADDRESSES:
            self._left.popitem(last=False)
        return granted
