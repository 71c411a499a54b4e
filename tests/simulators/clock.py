"""A clock that moves only when told to."""

from nexus.kernel.clock import Instant

EPOCH = Instant(1_800_000_000_000_000)


class ManualClock:
    def __init__(self, now: int = EPOCH) -> None:
        self._now = now

    def now(self) -> Instant:
        return Instant(self._now)

    def advance(self, microseconds: int) -> None:
        self._now += microseconds
