"""From the text of a source to days, moments and numbers: NULL where it is none, in the same way on every engine."""

from typing import Final

import ibis
import ibis.expr.types as ir

FIRST_YEAR: Final = 1850
"""A day before is a default of some program, or a mistake."""
LAST_YEAR: Final = 9000
"""Beyond, programs mean `never`."""
_DAY: Final = 10
_MOMENT: Final = 19


def day(text: ir.StringValue) -> ir.DateValue:
    """A day from ISO 8601, with or without a time: its first ten characters."""
    return text.left(_DAY).try_cast("date")


def moment(text: ir.StringValue) -> ir.TimestampValue:
    """A moment from ISO 8601 as the source's clock showed it; an offset is left out."""
    return text.left(_MOMENT).try_cast("timestamp")


def french_day(text: ir.StringValue) -> ir.DateValue:
    """A day as SNDS files write it: DDMMYYYY, DD/MM/YYYY, YYYYMMDD (not told apart: see `compact_day`) or ISO 8601."""
    slashed = text.substr(6, 4) + "-" + text.substr(3, 2) + "-" + text.left(2)
    return ibis.ifelse(text.substr(2, 1) == "/", slashed, text.left(_DAY)).try_cast("date")


def compact_day(text: ir.StringValue) -> ir.DateValue:
    """A day as DDMMYYYY."""
    return (text.substr(4, 4) + "-" + text.substr(2, 2) + "-" + text.left(2)).try_cast("date")


def number(text: ir.StringValue) -> ir.FloatingValue:
    """A number, with a point or a comma."""
    return text.replace(",", ".").try_cast("float64")


def whole(text: ir.StringValue) -> ir.IntegerValue:
    """A whole number; `12.0` is one."""
    return text.try_cast("float64").cast("int64")


def choice(text: ir.StringValue, table: dict[str, int], otherwise: int = 0) -> ir.IntegerValue:
    """A concept by what the source writes."""
    return ibis.cases(*((text == written, concept) for written, concept in table.items()), else_=otherwise)
