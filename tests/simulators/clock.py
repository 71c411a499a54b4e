"""Clocks that move when told to."""

from nexus.kernel.clock import Instant, SystemClock

EPOCH = Instant(1_800_000_000_000_000)


class ManualClock:
    def __init__(self, now: int = EPOCH) -> None:
        self._now = now

    def now(self) -> Instant:
        return Instant(self._now)

    def advance(self, microseconds: int) -> None:
        self._now += microseconds


class WallClock(ManualClock):
    """The time of this machine, plus what it was told to advance: for clients that sign with the time of day."""

    def __init__(self) -> None:
        super().__init__(0)

    def now(self) -> Instant:
        return Instant(SystemClock().now() + self._now)
