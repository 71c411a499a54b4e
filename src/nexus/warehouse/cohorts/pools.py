"""Cases and the pool of controls, from tables of the CDM into arrays."""

# ruff: noqa: S608 - as in `events`

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy

from nexus.warehouse.cohorts import selecting
from nexus.warehouse.cohorts.definition import Controls, Definition, Trait
from nexus.warehouse.cohorts.events import events
from nexus.warehouse.cohorts.matching import Group, Rules, Whole
from nexus.warehouse.quality.cdm import Cdm

CASES: Final = "cohort_cases"
DAYS_A_YEAR: Final = 365.25
_ENTERED: Final = "cohort_pool"
_FEW_VALUES: Final = 1 << 16
_DAYS: Final = "CAST({name} - DATE '1970-01-01' AS BIGINT) AS {name}"
_PERIOD: Final = ", ".join(_DAYS.format(name=name) for name in ("observed_from", "observed_until"))
_ENTRY: Final = f"person, sex, site, {_DAYS.format(name='birth')}, {_DAYS.format(name='day')}, {_PERIOD}"


@dataclass(frozen=True, slots=True)
class Members:
    """Rows of cases or of a pool: whole numbers by column, days since 1970."""

    columns: Mapping[str, Whole]

    def __len__(self) -> int:
        return len(self.columns["person"])

    def __getitem__(self, name: str) -> Whole:
        return self.columns[name]

    def rows(self, chosen: Any) -> "Members":
        """Some of them."""
        return Members({name: column[chosen] for name, column in self.columns.items()})

    def at(self, day: Whole) -> "Members":
        """The same with other index dates."""
        return Members({**self.columns, "day": day})


def cases(cdm: Cdm) -> Members:
    """Those whom `selecting.select` left in the table of cases."""
    return _entered(cdm, CASES)


def pool(cdm: Cdm, definition: Definition, controls: Controls) -> tuple[list[selecting.Step], Members]:
    """Who could be a control, and the steps that left them, where controls have an index event of their own."""
    if controls.index is not None:
        steps = selecting.select(cdm, definition, controls.index, _ENTERED)
        cdm.rows(f"DELETE FROM {_ENTERED} WHERE person_id IN (SELECT person_id FROM {CASES})")
        return steps, _entered(cdm, _ENTERED)
    never = [events(cdm, definition.index.event)]
    never += [_often(events(cdm, one.event), one.at_least) for one in controls.exclude if one.event is not None]
    excluded = " UNION ".join(f"SELECT person_id FROM ({query})" for query in never)
    periods = _columns(
        cdm,
        f"SELECT CAST(person_id AS BIGINT) AS person, {_PERIOD} FROM {selecting.PERIODS}"
        f" ANTI JOIN ({excluded}) x USING (person_id)",
    )
    born = f"SELECT {selecting.BIRTH} AS birth, p.* FROM {selecting.PERSONS} p"
    persons = _columns(
        cdm, f"SELECT CAST(person_id AS BIGINT) AS person, sex, site, {_DAYS.format(name='birth')} FROM ({born})"
    )
    return [], _observed(persons, periods)


def _observed(persons: Members, periods: Members) -> Members:
    """Each period with the person whose it is. Joined here: in SQL, that took twice as long as all of the reading."""
    order = numpy.argsort(persons["person"], kind="stable")
    place = _places(persons["person"][order], periods["person"])
    if not (place >= 0).all():
        periods, place = periods.rows(place >= 0), place[place >= 0]
    rows = order[place]
    return Members(
        {**periods.columns, "day": periods["observed_from"]}
        | {name: persons[name][rows] for name in ("sex", "site", "birth")}
    )


def rules(controls: Controls) -> Rules:
    """How they are drawn."""
    age = None if controls.age_years is None else int(controls.age_years * DAYS_A_YEAR)
    return Rules(
        ratio=controls.ratio,
        seed=controls.seed,
        age=age,
        index=controls.index_days,
        follow_up=controls.follow_up_days,
        own_index=controls.index is not None,
    )


def grouped(found: Members, pool_: Members, controls: Controls) -> tuple[Group, Group, Whole]:
    """Both sides as matching takes them, and which rows of the pool are in its second: strata without a case are left out."""
    own = controls.index is not None
    stratum = numpy.zeros(len(found), dtype=numpy.int64)
    theirs = numpy.zeros(len(pool_), dtype=numpy.int64)
    kept = numpy.ones(len(pool_), dtype=bool)
    for trait in controls.exact:
        ours = _trait(found, trait)
        values = numpy.unique(ours)
        place = _places(values, _trait(pool_, trait))
        kept &= place >= 0
        stratum = stratum * len(values) + _places(values, ours)
        theirs = theirs * len(values) + place
    rows = numpy.flatnonzero(kept)
    chosen = pool_.rows(rows) if len(rows) < len(pool_) else pool_
    start = chosen["observed_from"] + controls.observed_before
    return _group(found, stratum, found["observed_from"], own=own), _group(chosen, theirs[rows], start, own=own), rows


def _group(members: Members, stratum: Whole, start: Whole, *, own: bool) -> Group:
    age = members["day"] - members["birth"] if own else members["birth"]
    return Group(members["person"], stratum, age, start, members["observed_until"], members["day"])


def _trait(members: Members, trait: Trait) -> Whole:
    if trait is Trait.BIRTH_YEAR:
        return members["birth"].astype("datetime64[D]").astype("datetime64[Y]").astype(numpy.int64)
    return members[trait.value]


def _places(values: Whole, column: Whole) -> Whole:
    """Which of some sorted values each row has; -1: none of them."""
    if not len(values):
        return numpy.full(len(column), -1, dtype=numpy.int64)
    low, many = int(values[0]), int(values[-1] - values[0]) + 1
    if many > max(_FEW_VALUES, 4 * len(values)):
        place = numpy.minimum(numpy.searchsorted(values, column), len(values) - 1)
        return numpy.where(values[place] == column, place, -1)
    known = numpy.full(many + 2, -1, dtype=numpy.int64)
    known[values - low + 1] = numpy.arange(len(values))
    return known[numpy.clip(column - low + 1, 0, many + 1)]


def _often(query: str, at_least: int) -> str:
    return f"SELECT person_id FROM ({query}) GROUP BY person_id HAVING count(DISTINCT day) >= {at_least}"


def _entered(cdm: Cdm, table: str) -> Members:
    return _columns(cdm, f"SELECT {_ENTRY} FROM (SELECT *, CAST(person_id AS BIGINT) AS person FROM {table})")


def _columns(cdm: Cdm, sql: str) -> Members:
    return Members({name: numpy.asarray(column, dtype=numpy.int64) for name, column in cdm.columns(sql).items()})
