"""Moments as patients read them: in the time of the place, with words for months, and today and yesterday by name."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from nexus.kernel.clock import Clock, Instant, rfc3339
from nexus.web.browser.language import Language

_MONTHS: Final = {
    Language.FRENCH: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    Language.ENGLISH: (
        [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ]
    ),
}
_DAYS: Final = {
    Language.FRENCH: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    Language.ENGLISH: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
}


class Dates:
    """Says moments in one time zone, and how long ago they were."""

    def __init__(self, zone: str, clock: Clock) -> None:
        self._clock = clock
        self.zone: tzinfo = UTC if zone == "UTC" else ZoneInfo(zone)
        self._suffix = " UTC" if self.zone is UTC else ""

    def day(self, moment: str, language: Language) -> str:
        """`27 novembre 2026`."""
        return _day(self._local(moment), language)

    def calendar(self, day: str, language: Language) -> str:
        """A day of the calendar (`2026-11-27`), wherever it is: `27 novembre 2026`."""
        return _day(datetime.strptime(day, "%Y-%m-%d"), language)

    def weekday(self, moment: str, language: Language) -> str:
        """`vendredi 27 novembre 2026`."""
        at = self._local(moment)
        return f"{_DAYS[language][at.weekday()]} {_day(at, language)}"

    def time(self, moment: str, language: Language) -> str:
        """`15 h 04`."""
        at = self._local(moment)
        if language is Language.FRENCH:
            return f"{at.hour}\u00a0h\u00a0{at:%M}{self._suffix}"
        return f"{at:%H:%M}{self._suffix}"

    def when(self, moment: str, language: Language) -> str:
        """Day and time of day."""
        to = "à" if language is Language.FRENCH else "at"
        return f"{self.day(moment, language)} {to} {self.time(moment, language)}"

    def iso_day(self, moment: str) -> str:
        """`2026-11-27`, in the time of the place."""
        return f"{self._local(moment):%Y-%m-%d}"

    def midnight(self, day: str, *, days: int = 0) -> str | None:
        """The RFC 3339 moment at which a day (`2026-11-27`), or one so many days later, begins; None if it is no day."""
        try:
            began = (datetime.strptime(day, "%Y-%m-%d") + timedelta(days=days)).replace(tzinfo=self.zone)
        except (ValueError, OverflowError):
            return None
        return began.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def ago(self, span: timedelta) -> str:
        """The moment so long before now."""
        return rfc3339(Instant(self._clock.now() - span // timedelta(microseconds=1)))

    def _local(self, moment: str) -> datetime:
        return datetime.fromisoformat(moment).astimezone(self.zone)


def _day(at: datetime, language: Language) -> str:
    first = "1ᵉʳ" if language is Language.FRENCH and at.day == 1 else str(at.day)
    return f"{first} {_MONTHS[language][at.month - 1]} {at.year}"
