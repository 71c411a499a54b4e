"""Ages that the law sets and an installation configures, and moments computed from a date of birth. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from nexus.kernel.clock import SECOND, Instant

MAX_AGE: Final = 130
"""Years; whoever would be older was not born on that day."""


@dataclass(frozen=True, slots=True)
class Ages:
    """`majority`: from which one decides alone. `voice`: from which a minor may refuse, object and withdraw herself."""

    majority: int = 18
    voice: int = 15


def birthday(born: date, years: int) -> Instant:
    """The beginning (UTC) of the day on which somebody becomes `years` old; born on 29 February: on 1 March."""
    year = born.year + years
    try:
        day = born.replace(year=year)
    except ValueError:
        day = date(year, 3, 1)
    return Instant(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND)


def plausible(born: date, now: Instant) -> bool:
    """Whether somebody alive now may have been born on that day."""
    return birthday(born, 0) <= now < birthday(born, MAX_AGE)
