"""Times and sizes as people read them. The platform speaks UTC, and says so."""

from datetime import UTC, datetime
from typing import Final

from nexus.web.browser.language import Language

MONTHS: Final = {
    Language.ENGLISH: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    Language.FRENCH: [
        "janv.",
        "févr.",
        "mars",
        "avr.",
        "mai",
        "juin",
        "juil.",
        "août",
        "sept.",
        "oct.",
        "nov.",
        "déc.",
    ],
}
_BYTES: Final = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_OCTETS: Final = ("octets", "Kio", "Mio", "Gio", "Tio", "Pio")
_UNITS: Final = (
    (86_400, "day", "days", "jour", "jours"),
    (3_600, "hour", "hours", "heure", "heures"),
    (60, "minute", "minutes", "minute", "minutes"),
)


def when(moment: str, language: Language) -> str:
    """An RFC 3339 time as date and time of day."""
    at = _parse(moment)
    return f"{at.day} {MONTHS[language][at.month - 1]} {at.year}, {at:%H:%M} UTC"


def until(moment: str, now: str, language: Language) -> str:
    """How long from `now` until `moment`, in its largest unit; an ended time says so."""
    seconds = int((_parse(moment) - _parse(now)).total_seconds())
    french = language is Language.FRENCH
    if seconds <= 0:
        return "terminé" if french else "ended"
    return f"dans {lasting(seconds, language)}" if french else f"in {lasting(seconds, language)}"


def lasting(seconds: int, language: Language) -> str:
    """A duration in its largest whole unit."""
    french = language is Language.FRENCH
    for length, one, many, un, plusieurs in _UNITS:
        if seconds >= length:
            count = seconds // length
            unit = (un if count == 1 else plusieurs) if french else (one if count == 1 else many)
            return f"{count} {unit}"
    return "moins d'une minute" if french else "less than a minute"


def size(count: int, language: Language) -> str:
    """A number of bytes, in the unit that leaves three figures or fewer before the point."""
    value, unit = float(count), 0
    while value >= 1_000 and unit < len(_BYTES) - 1:
        value, unit = value / 1_024, unit + 1
    text = f"{value:.1f}" if unit else str(count)
    if language is Language.FRENCH:
        return f"{text.replace('.', ',')} {_OCTETS[unit]}"
    return f"{text} {_BYTES[unit]}"


def _parse(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone(UTC)
