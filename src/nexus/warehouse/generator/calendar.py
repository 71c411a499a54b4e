"""Days as text, without a call for each: every day is written once, then looked up."""

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Final

import numpy
import pyarrow
import pyarrow.compute

from nexus.warehouse.generator.model import Whole, day_of

FIRST: Final = day_of(date(1895, 1, 1))
LAST: Final = day_of(date(2115, 1, 1))

ISO: Final = "2019-05-31"
MONTH: Final = "201905"
MONTH_ALONE: Final = "05"
COMPACT: Final = "31052019"
"""As the PMSI writes a day."""
SAS: Final = "31May2019:00:00:00"
"""As SAS writes it."""
_NAMES: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FORMS: Final[dict[str, Callable[[str], str]]] = {
    ISO: lambda day: day,
    MONTH: lambda day: day[:4] + day[5:7],
    MONTH_ALONE: lambda day: day[5:7],
    COMPACT: lambda day: day[8:] + day[5:7] + day[:4],
    SAS: lambda day: f"{day[8:]}{_NAMES[int(day[5:7]) - 1]}{day[:4]}:00:00:00",
}
"""From ISO 8601, by an example of each."""


def written(days: Whole, form: str = ISO, *, missing: numpy.typing.NDArray[numpy.bool_] | None = None) -> pyarrow.Array:
    """Days as text; null where `missing`."""
    return _days(form).take(pyarrow.array(days - FIRST, mask=missing))


def moments(days: Whole, minutes: Whole) -> pyarrow.Array:
    """A day and a minute of it, as RFC 3339 in UTC."""
    return pyarrow.compute.binary_join_element_wise(written(days), _minutes().take(pyarrow.array(minutes)), "T")


@cache
def _days(form: str) -> pyarrow.Array:
    texts = numpy.datetime_as_string(numpy.arange(FIRST, LAST).astype("datetime64[D]")).tolist()
    return pyarrow.array([_FORMS[form](text) for text in texts])


@cache
def _minutes() -> pyarrow.Array:
    return pyarrow.array([f"{minute // 60:02d}:{minute % 60:02d}:00Z" for minute in range(1_440)])
