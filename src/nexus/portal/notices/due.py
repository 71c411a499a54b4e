"""When a message is due. Pure: by the wish, the moment, the last message, and the clock of the place."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from nexus.kernel.clock import MINUTE, SECOND, Instant
from nexus.portal.notices.model import Wish

GATHER: Final = 5 * MINUTE
"""What follows the first use within this time is told with it."""
PAUSE: Final = 15 * MINUTE
"""Between two messages to one account, whatever happens: nobody's mailbox is filled."""
MORNING: Final = 8
"""The hour of the place at which digests leave: it says nothing of when data were used."""
MONDAY: Final = 0


def due(wish: Wish, now: Instant, last: Instant, zone: tzinfo, *, urgent: bool) -> Instant | None:
    """When what is counted now is told; None where nothing is wished. `last`: when a message was sent before."""
    if wish is Wish.NEVER:
        return None
    if urgent:
        return Instant(max(now, last + PAUSE))
    if wish is Wish.AT_ONCE:
        return Instant(max(now + GATHER, last + PAUSE))
    return _morning(now, zone, weekly=wish is Wish.WEEKLY)


def _morning(now: Instant, zone: tzinfo, *, weekly: bool) -> Instant:
    """The next morning after a moment, or the next one of a Monday."""
    local = datetime.fromtimestamp(now / SECOND, UTC).astimezone(zone)
    day = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    while day <= local or (weekly and day.weekday() != MONDAY):
        day += timedelta(days=1)
    return Instant(int(day.timestamp()) * SECOND)
