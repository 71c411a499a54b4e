"""Times on the command line: RFC 3339, a date, or a distance from now."""

import re
from datetime import timedelta
from typing import Any, Final

import click

from nexus.kernel.clock import SECOND, Clock, SystemClock, parse_rfc3339, rfc3339

_DISTANCE: Final = re.compile(r"([+-]?)(\d{1,5})(s|m|h|d|w|y)")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


class Moment(click.ParamType[Any]):
    """`2026-11-23T04:18:01+01:00`, `2026-11-23` (its first moment in UTC), `30d` from now, `-12h` before now."""

    name = "time"

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The time as RFC 3339 text."""
        text = str(value)
        if distance := _DISTANCE.fullmatch(text):
            sign, number, unit = distance.groups()
            delta = int(number) * _UNITS[unit] // timedelta(microseconds=1)
            return rfc3339(self._clock.now() // SECOND * SECOND + (-delta if sign == "-" else delta))
        try:
            return rfc3339(parse_rfc3339(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text))
        except (ValueError, OverflowError):
            self.fail("a time is 2026-11-23T04:18:01Z, 2026-11-23, 30d (from now) or -12h (before now)", param, ctx)
