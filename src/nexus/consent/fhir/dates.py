"""Dates and periods of FHIR, which may be as coarse as a year, as moments of ours. Days are days in UTC.

The end of a FHIR period is within it, to its precision: `2022-12-31` ends with that day. Ours end just before `end`.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nexus.consent.fhir.troubles import invalid, unsupported
from nexus.consent.model import Period
from nexus.kernel.clock import DAY, SECOND, Instant, parse_rfc3339, rfc3339
from nexus.web.codec import LAST_INSTANT

_SHAPE: Final = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(?P<time>T\d\d:\d\d:\d\d(\.(?P<fraction>\d{1,6}))?(Z|[+-]\d\d:\d\d))?)?)?"
)
_MICROSECOND: Final = 1


def span(text: str, path: str) -> tuple[Instant, Instant]:
    """First moment within a FHIR date or dateTime, and the first moment after it. Raises Misfit."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise invalid("not a date as FHIR writes it", path)
    start, end = _span(text, shape, path)
    if start < 0 or end > LAST_INSTANT:
        raise unsupported(path, "moments before 1970 or after 9999 are not told apart here")
    return start, end


def _span(text: str, shape: re.Match[str], path: str) -> tuple[Instant, Instant]:
    try:
        if shape["time"]:
            start = parse_rfc3339(text)
            return start, Instant(start + SECOND // 10 ** len(shape["fraction"] or ""))
        year, month, day = int(shape["year"]), int(shape["month"] or 1), int(shape["day"] or 1)
        first = datetime(year, month, day, tzinfo=UTC)
        days = 1 if shape["day"] else monthrange(year, month)[1] if shape["month"] else 366 if _leap(year) else 365
        start = Instant(int(first.timestamp()) * SECOND)
        return start, Instant(int((first + timedelta(days=days)).timestamp()) * SECOND)
    except (ValueError, OverflowError) as error:
        raise invalid("there is no such date", path) from error


def period(given: Mapping[str, Any], path: str) -> Period:
    """A FHIR Period. Raises Misfit where it is empty or ends before it starts."""
    start = span(given["start"], f"{path}.start")[0] if "start" in given else None
    end = span(given["end"], f"{path}.end")[1] if "end" in given else None
    if start is not None and end is not None and end <= start:
        raise invalid("it ends before it starts", path)
    return Period(start=start, end=end)


def period_of(given: Period) -> dict[str, str] | None:
    """The inverse, as coarse as it can be; None for a period that is open on both sides."""
    said = {}
    if given.start is not None:
        said["start"] = date_of(given.start)
    if given.end is not None:
        said["end"] = date_of(Instant(given.end - DAY)) if given.end % DAY == 0 else rfc3339(given.end - _MICROSECOND)
    return said or None


def date_of(moment: Instant) -> str:
    """A moment: a day where it is the beginning of one, else to the microsecond."""
    return rfc3339(moment)[:10] if moment % DAY == 0 else rfc3339(moment)


def _leap(year: int) -> bool:
    return monthrange(year, 2)[1] == 29
