"""The clock that the law sets for requests of patients (GDPR, article 12(3)). Pure.

An answer is due one month after the request was received; two further months may be taken once, if the patient is told within
the first. Months are those of the calendar: received on 31 January, due on 28 or 29 February. The day counts to its end (UTC).
"""

from calendar import monthrange
from datetime import UTC, datetime
from typing import Final

from nexus.kernel.clock import DAY, SECOND, Instant

MONTHS: Final = 1
MONTHS_EXTENDED: Final = 3
SOON: Final = 7 * DAY
"""An answer that is due within this time is worth a word."""


def due(received_at: Instant, *, extended: bool) -> Instant:
    """The last moment at which an answer is in time: the end of its day."""
    received = datetime.fromtimestamp(received_at // SECOND, UTC)
    month = received.month - 1 + (MONTHS_EXTENDED if extended else MONTHS)
    year, month = received.year + month // 12, month % 12 + 1
    day = min(received.day, monthrange(year, month)[1])
    midnight = datetime(year, month, day, tzinfo=UTC)
    return Instant(int(midnight.timestamp()) * SECOND + DAY - 1)


def overdue(due_at: Instant, answered_at: Instant | None, now: Instant) -> bool:
    """Whether an answer is, or was, too late."""
    return (now if answered_at is None else answered_at) > due_at
