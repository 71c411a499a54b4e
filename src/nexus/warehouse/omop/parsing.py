"""From the text of a source to days, moments and numbers: NULL where it is none, in the same way on every engine."""

from typing import Final

import ibis
import ibis.expr.types as ir

_DAY: Final = 10
_MOMENT: Final = 19
_COMPACT: Final = 8
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def day(text: ir.StringValue) -> ir.DateValue:
    """A day from ISO 8601, with or without a time: its first ten characters."""
    return text.left(_DAY).try_cast("date")


def moment(text: ir.StringValue) -> ir.TimestampValue:
    """A moment from ISO 8601 as the source's clock showed it; an offset is left out."""
    return text.left(_MOMENT).try_cast("timestamp")


def snds_day(text: ir.StringValue) -> ir.DateValue:
    """A day as files of the SNDS write it: ISO 8601, DD/MM/YYYY, DDMMYYYY, or 02Jan2007:00:00:00 as SAS does."""
    month = ibis.cases(
        *((text.substr(2, 3).upper() == name, f"{number:02}") for number, name in enumerate(_MONTHS, start=1)), else_=""
    )
    iso = ibis.cases(
        (text.substr(4, 1) == "-", text.left(_DAY)),
        (text.substr(2, 1) == "/", text.substr(6, 4) + "-" + text.substr(3, 2) + "-" + text.left(2)),
        (text.length() == _COMPACT, text.substr(4, 4) + "-" + text.substr(2, 2) + "-" + text.left(2)),
        else_=text.substr(5, 4) + "-" + month + "-" + text.left(2),
    )
    return iso.try_cast("date")


def number(text: ir.StringValue) -> ir.FloatingValue:
    """A number, with a point or a comma."""
    return text.replace(",", ".").try_cast("float64")


def whole(text: ir.StringValue) -> ir.IntegerValue:
    """A whole number; `12.0` is one."""
    return text.try_cast("float64").cast("int64")


def choice(text: ir.StringValue, table: dict[str, int], otherwise: int = 0) -> ir.IntegerValue:
    """A concept by what the source writes."""
    return ibis.cases(*((text == written, concept) for written, concept in table.items()), else_=otherwise)
