"""Why a row cannot be used: the first reason that holds is the one that is counted."""

from enum import StrEnum

import ibis
import ibis.expr.types as ir


class Reason(StrEnum):
    """What is written into quarantine, with what to do about it in `ADVICE`."""

    UNREADABLE = "unreadable-line"
    NO_PERSON = "no-person"
    UNKNOWN_PERSON = "unknown-person"
    NO_KEY = "no-key"
    NO_CODE = "no-code"
    NO_DATE = "no-date"
    BAD_DATE = "bad-date"
    FUTURE = "in-the-future"
    BEFORE_BIRTH = "before-birth"
    NO_BIRTH = "no-year-of-birth"
    DUPLICATE = "duplicate"
    CANCELLED = "cancelled"
    OBJECTED = "objected"


ADVICE: dict[Reason, str] = {
    Reason.UNREADABLE: "the line has too many or too few fields, or is not text in this encoding: ask for the file again",
    Reason.NO_PERSON: "the row names nobody: ask the provider which rows are meant to have no person",
    Reason.UNKNOWN_PERSON: "the person is not in the table of persons: ask for the persons of the same period",
    Reason.NO_KEY: "the row has no identifier of its own, so it could not be found again in the next delivery",
    Reason.NO_CODE: "the row says nothing that could be coded",
    Reason.NO_DATE: "the row has no date, and the CDM requires one",
    Reason.BAD_DATE: "the date cannot be read: a date is ISO 8601 here, see the page of the source",
    Reason.FUTURE: "the date lies after the day of the delivery (--as-of says another day)",
    Reason.BEFORE_BIRTH: "the date lies before the person's year of birth: the date or the person is wrong",
    Reason.NO_BIRTH: "a person without a year of birth has no place in the CDM",
    Reason.DUPLICATE: "the same thing is told twice: one is kept",
    Reason.CANCELLED: "the source itself took the row back",
    Reason.OBJECTED: "the person has objected, or withdrawn: nothing to do",
}


def first(*checks: tuple[ir.BooleanValue, Reason]) -> ir.StringValue:
    """The reason of the first check that holds; NULL if none does."""
    return ibis.cases(*((holds, reason.value) for holds, reason in checks), else_=ibis.null("string"))


def dated(text: ir.StringValue, day: ir.Value) -> tuple[tuple[ir.BooleanValue, Reason], ...]:
    """The two ways in which a date can be missing: not there, or not a date."""
    return (text.isnull(), Reason.NO_DATE), (day.isnull(), Reason.BAD_DATE)
