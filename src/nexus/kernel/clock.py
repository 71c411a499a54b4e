"""Time as whole microseconds since 1970 in UTC, from one seam that tests replace."""

import time
from datetime import UTC, datetime
from typing import NewType, Protocol

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00:00Z."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """Tells the time; never goes backwards by more than the system's clock does."""

    def now(self) -> Instant: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> Instant:
        return Instant(time.time_ns() // 1_000)


def rfc3339(instant: int) -> str:
    """`2026-11-23T04:18:01.123456Z`: microseconds always shown, so that text sorts as time does."""
    moment = datetime.fromtimestamp(instant // SECOND, UTC)
    return f"{moment.isoformat()[:19]}.{instant % SECOND:06d}Z"


def parse_rfc3339(text: str) -> Instant:
    """The inverse of `rfc3339`, for any offset and precision; raises ValueError on anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time needs its offset: {text!r}")
    return Instant(int(moment.timestamp()) * SECOND + moment.microsecond)
