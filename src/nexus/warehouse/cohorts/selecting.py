"""Applies a definition to a CDM, step by step, and counts whom each step leaves."""

# ruff: noqa: S608 - as in `events`

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from nexus.warehouse.cohorts.criteria import condition
from nexus.warehouse.cohorts.definition import Criterion, Definition, Index, Occurrence
from nexus.warehouse.cohorts.events import events, require
from nexus.warehouse.quality.cdm import Cdm

ENTRIES: Final = "entries"
PERSONS: Final = "cohort_person"
PERIODS: Final = "cohort_period"
BIRTH: Final = "coalesce(try(make_date(p.born_year, p.born_month, p.born_day)), make_date(p.born_year, 7, 1))"
"""The day of birth of a row `p` of `PERSONS`; made where it is needed, which is for few of all persons."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the attrition. `persons` are left after it, with `entries` possible index dates among them."""

    name: str
    persons: int
    entries: int


def prepare(cdm: Cdm) -> None:
    """Persons and the periods in which they are observed, as the steps need them. Raises Invalid, Damaged."""
    require(cdm, "person", "person_id", "gender_concept_id", "year_of_birth")
    period = ("observation_period_start_date", "observation_period_end_date")
    require(cdm, "observation_period", "person_id", *period)
    year = "CAST(year_of_birth AS BIGINT)"
    month = "coalesce(CAST(month_of_birth AS BIGINT), 7)" if cdm.has("person", "month_of_birth") else "7"
    day = "coalesce(CAST(day_of_birth AS BIGINT), 1)" if cdm.has("person", "day_of_birth") else "1"
    site = "coalesce(care_site_id, 0)" if cdm.has("person", "care_site_id") else "0"
    cdm.rows(
        f"CREATE OR REPLACE TEMP VIEW {PERSONS} AS SELECT person_id,"
        f" {year} AS born_year, {month} AS born_month, {day} AS born_day,"
        f" coalesce(CAST(gender_concept_id AS BIGINT), 0) AS sex, CAST({site} AS BIGINT) AS site FROM person"
        " WHERE year_of_birth IS NOT NULL"
    )
    start, end = (cdm.date("o", "observation_period", name) for name in period)
    cdm.rows(
        f"CREATE OR REPLACE TEMP VIEW {PERIODS} AS SELECT o.person_id, {start} AS observed_from, {end} AS observed_until"
        f" FROM observation_period o WHERE {start} <= {end}"
    )


def select(cdm: Cdm, definition: Definition, index: Index, into: str) -> list[Step]:
    """Make the table `into` of those who enter by `index` and meet every criterion: one row a person.

    `prepare` came before. Raises Invalid if the CDM lacks a table, Damaged.
    """
    steps = [_begin(cdm, index)]
    for name, holds in _conditions(cdm, index, definition):
        cdm.rows(f"CREATE OR REPLACE TEMP TABLE {ENTRIES} AS SELECT e.* FROM {ENTRIES} e WHERE {holds}")
        steps.append(_counted(cdm, name))
    cdm.rows(
        f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT * FROM {ENTRIES}"
        " QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY day, observed_from) = 1 ORDER BY person_id"
    )
    return steps


def _begin(cdm: Cdm, index: Index) -> Step:
    """Everybody with the index event, at each day on which it has happened often enough."""
    period = [f"day >= DATE '{index.first_day}'"] * (index.first_day is not None)
    period += [f"day <= DATE '{index.last_day}'"] * (index.last_day is not None)
    cdm.rows(
        f"CREATE OR REPLACE TEMP TABLE happened AS SELECT person_id, day,"
        f" row_number() OVER (PARTITION BY person_id ORDER BY day) AS place"
        f" FROM (SELECT DISTINCT person_id, day FROM ({events(cdm, index.event)}))"
    )
    place = f"place = {index.at_least}" if index.occurrence is Occurrence.FIRST else f"place >= {index.at_least}"
    cdm.rows(
        f"CREATE OR REPLACE TEMP TABLE {ENTRIES} AS"
        f" SELECT h.person_id, h.day, o.observed_from, o.observed_until, {BIRTH} AS birth, p.sex, p.site"
        f" FROM happened h JOIN {PERSONS} p USING (person_id) LEFT JOIN {PERIODS} o"
        f" ON o.person_id = h.person_id AND h.day BETWEEN o.observed_from AND o.observed_until"
        f" WHERE {' AND '.join([place, *period])}"
    )
    return _counted(cdm, "index event")


def _conditions(cdm: Cdm, index: Index, definition: Definition) -> Iterator[tuple[str, str]]:
    yield "observed at the index date", "e.observed_from IS NOT NULL"
    if index.washout_days:
        yield f"observed for {index.washout_days} days before", f"e.day - e.observed_from >= {index.washout_days}"
        yield (
            f"no such event in {index.washout_days} days before",
            "(e.person_id, e.day) NOT IN (SELECT (x.person_id, x.day) FROM entries x JOIN happened v"
            f" ON v.person_id = x.person_id AND v.day < x.day AND v.day >= x.day - {index.washout_days})",
        )
    yield from _named(cdm, "include", definition.include)
    yield from _named(cdm, "exclude", definition.exclude)


def _named(cdm: Cdm, group: str, criteria: Iterable[Criterion]) -> Iterator[tuple[str, str]]:
    for criterion in criteria:
        holds = condition(cdm, criterion)
        yield f"{group}: {criterion.name}", holds if group == "include" else f"NOT ({holds})"


def _counted(cdm: Cdm, name: str) -> Step:
    persons, entries = cdm.row(f"SELECT count(DISTINCT person_id), count(DISTINCT (person_id, day)) FROM {ENTRIES}")
    return Step(name, persons, entries)
