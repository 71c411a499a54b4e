"""Checks that look at one row at a time: all those of a table in one statement over one scan of it."""

# ruff: noqa: S608 - statements are put together from the lines of facts/dqd54.csv, which are names and numbers

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from nexus.warehouse.quality.cdm import INTEGERS, Cdm
from nexus.warehouse.quality.checks import Check, Kind
from nexus.warehouse.quality.counts import Count, Counts, Missing

DAYS_AFTER_DEATH: Final = 60
"""What may still be written down after somebody died."""
DAYS_AROUND_VISIT: Final = 7
ALL: Final = "true"
_MID_YEAR: Final = 6
UNIT: Final = "unit_concept_id"
VALUE: Final = "value_as_number"


@dataclass(frozen=True, slots=True)
class Looked:
    """A check as two conditions on a row `t`, joined with `p` (birth), `d` (death) or `v` (visit) where it needs them."""

    violated: str
    looked_at: str
    joins: frozenset[str] = frozenset()


def count_rows(cdm: Cdm, table: str, checks: Iterable[Check]) -> Counts:
    """Count all of these checks of a table at once."""
    found: dict[Check, Count | Missing] = {}
    asked: list[tuple[Check, Looked]] = []
    for check in checks:
        looked = _looked(cdm, check)
        if isinstance(looked, Missing):
            found[check] = looked
        else:
            asked.append((check, looked))
    if not asked:
        return found
    conditions = sorted({text for _, looked in asked for text in (looked.violated, looked.looked_at)})
    joins = sorted({join for _, looked in asked for join in looked.joins})
    columns = ", ".join(f"count(*) FILTER (WHERE {text})" for text in conditions)
    numbers = cdm.row(f'SELECT {columns} FROM "{table}" t {" ".join(_join(cdm, join) for join in joins)}')
    of = dict(zip(conditions, numbers, strict=True))
    return found | {check: Count(of[looked.violated], of[looked.looked_at]) for check, looked in asked}


def _join(cdm: Cdm, name: str) -> str:
    """One row for each key, so that a second row there never counts a record twice."""
    match name:
        case "death":
            died = cdm.date("x", "death", "death_date")
            inner = f"SELECT person_id, min({died}) AS died FROM death x GROUP BY 1"
            return f"LEFT JOIN ({inner}) d ON d.person_id = t.person_id"
        case "person":
            exact = cdm.date("x", "person", "birth_datetime")
            parts = ", ".join(
                f"any_value(CAST({cdm.number('x', 'person', f'{part}_of_birth')} AS BIGINT)) AS {part}"
                for part in ("year", "month", "day")
            )
            inner = f"SELECT person_id, any_value({exact}) AS exact, {parts} FROM person x GROUP BY 1"
            return f"LEFT JOIN ({inner}) p ON p.person_id = t.person_id"
        case _:
            began, ended = (cdm.date("x", "visit_occurrence", f"visit_{end}_date") for end in ("start", "end"))
            inner = (
                f"SELECT visit_occurrence_id, any_value({began}) AS began, any_value({ended}) AS ended"
                " FROM visit_occurrence x GROUP BY 1"
            )
            return f"LEFT JOIN ({inner}) v ON v.visit_occurrence_id = t.visit_occurrence_id"


_NEEDS: Final = {
    "death": ("death", "person_id", "death_date"),
    "person": ("person", "person_id", "birth_datetime", "year_of_birth", "month_of_birth", "day_of_birth"),
    "visit": ("visit_occurrence", "visit_occurrence_id", "visit_start_date", "visit_end_date"),
}
_KEY: Final = {"death": "person_id", "person": "person_id", "visit": "visit_occurrence_id"}
_BORN: Final = "coalesce(p.exact, try(make_date(p.year, coalesce(p.month, 1), coalesce(p.day, 1))))"
_BORN_ROUGHLY: Final = f"coalesce(p.exact, try(make_date(p.year, {_MID_YEAR}, 1)))"


def _looked(cdm: Cdm, check: Check) -> Looked | Missing:
    if not cdm.has(check.table, check.field):
        return Missing(f"{check.table}.{check.field}")
    made = _conditions(cdm, check)
    if isinstance(made, Missing):
        return made
    for join in made.joins:
        table, *fields = _NEEDS[join]
        if not cdm.has(table, *fields):
            return Missing(table)
        if not cdm.has(check.table, _KEY[join]):
            return Missing(f"{check.table}.{_KEY[join]}")
    return made


def _conditions(cdm: Cdm, check: Check) -> Looked | Missing:  # noqa: PLR0911, PLR0912 - a case for each kind
    field, number = f't."{check.field}"', cdm.number("t", check.table, check.field)
    day = cdm.date("t", check.table, check.field)
    present = f"{field} IS NOT NULL"
    if _is_about_days(check) and day.startswith("CAST(NULL"):
        return Looked(present, present)  # whatever stands there is no day, so none is plausible
    match check.kind:
        case Kind.REQUIRED | Kind.VALUES:
            return Looked(f"{field} IS NULL", ALL)
        case Kind.DATATYPE:
            whole = cdm.tables[check.table][check.field] in INTEGERS
            odd = f"{present} AND try_cast(CAST({field} AS VARCHAR) AS BIGINT) IS NULL"
            return Looked("false" if whole else odd, ALL)
        case Kind.STANDARD_RECORDS | Kind.SOURCE_RECORDS:
            if check.field == UNIT and cdm.has(check.table, VALUE):
                return Looked(f"{number} = 0 AND t.{VALUE} IS NOT NULL", f"t.{VALUE} IS NOT NULL")
            return Looked(f"{number} = 0", ALL)
        case Kind.LOW | Kind.HIGH:
            return Looked(_beyond(check, number, day), present)
        case Kind.AFTER:
            return _after(cdm, check, day, present)
        case Kind.AFTER_BIRTH:
            return Looked(f"{day} < {_BORN}", present, frozenset({"person"}))
        case Kind.DURING_LIFE | Kind.BEFORE_DEATH:
            late = f"{day} > d.died + INTERVAL {DAYS_AFTER_DEATH} DAY"
            return Looked(late, f"d.died IS NOT NULL AND {present}", frozenset({"death"}))
        case Kind.WITHIN_VISIT:
            around = f"INTERVAL {DAYS_AROUND_VISIT} DAY"
            outside = f"({day} < v.began - {around} OR {day} > v.ended + {around})"
            return Looked(outside, f"v.began IS NOT NULL AND {present}", frozenset({"visit"}))
        case Kind.START_BEFORE_END:
            if not cdm.has(check.table, check.parameter):
                return Missing(f"{check.table}.{check.parameter}")
            end = f't."{check.parameter}"'
            later = f"{day} > {cdm.date('t', check.table, check.parameter)}"
            return Looked(later, f"{present} AND {end} IS NOT NULL")
        case _:
            raise ValueError(f"{check.kind} does not look at one row at a time")


def _after(cdm: Cdm, check: Check, day: str, present: str) -> Looked | Missing:
    """Not before birth, or not before another field of the same row."""
    table, field = check.parameter.split(".")
    if table == "person" and check.table != "person":
        return Looked(f"{day} < {_BORN_ROUGHLY}", present, frozenset({"person"}))
    if not cdm.has(check.table, field):
        return Missing(f"{check.table}.{field}")
    return Looked(f"{day} < {cdm.date('t', check.table, field)}", present)


def _beyond(check: Check, number: str, day: str) -> str:
    sign = "<" if check.kind is Kind.LOW else ">"
    if check.parameter == "today+1":
        return f"{day} {sign} current_date + INTERVAL 1 DAY"
    if check.parameter == "year+1":
        return f"{number} {sign} year(current_date) + 1"
    if check.parameter.count("-") == 2:
        return f"{day} {sign} DATE '{check.parameter}'"
    return f"{number} {sign} {check.parameter}"


def _is_about_days(check: Check) -> bool:
    if check.kind in (Kind.LOW, Kind.HIGH):
        return check.parameter == "today+1" or check.parameter.count("-") == 2
    return check.kind in _ABOUT_DAYS


def by_row(checks: Iterable[Check]) -> Iterator[Check]:
    """Those of some checks that look at one row at a time."""
    return (check for check in checks if check.kind in ROW_KINDS)


ROW_KINDS: Final = frozenset(
    {
        Kind.REQUIRED,
        Kind.VALUES,
        Kind.DATATYPE,
        Kind.STANDARD_RECORDS,
        Kind.SOURCE_RECORDS,
        Kind.LOW,
        Kind.HIGH,
        Kind.AFTER,
        Kind.AFTER_BIRTH,
        Kind.DURING_LIFE,
        Kind.BEFORE_DEATH,
        Kind.WITHIN_VISIT,
        Kind.START_BEFORE_END,
    }
)
_ABOUT_DAYS: Final = frozenset(
    {
        Kind.AFTER,
        Kind.AFTER_BIRTH,
        Kind.DURING_LIFE,
        Kind.BEFORE_DEATH,
        Kind.WITHIN_VISIT,
        Kind.START_BEFORE_END,
    }
)
