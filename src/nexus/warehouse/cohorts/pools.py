"""Cases and the pool of controls, from tables of the CDM into arrays."""

# ruff: noqa: S608 - as in `events`

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy

from nexus.warehouse.cohorts import selecting
from nexus.warehouse.cohorts.definition import Controls, Definition, Trait
from nexus.warehouse.cohorts.events import events
from nexus.warehouse.cohorts.matching import Group, Rules, Whole
from nexus.warehouse.quality.cdm import Cdm

CASES: Final = "cohort_cases"
POOL: Final = "cohort_pool"
DAYS_A_YEAR: Final = 365.25
_EPOCH: Final = "DATE '1970-01-01'"
_COLUMNS: Final = "person_id AS person, sex, site, year(birth) AS birth_year," + ", ".join(
    f"CAST({name} - {_EPOCH} AS BIGINT) AS {name}" for name in ("birth", "day", "observed_from", "observed_until")
)


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
    return _members(cdm, CASES)


def make_pool(cdm: Cdm, definition: Definition, controls: Controls) -> list[selecting.Step]:
    """Make the table of who could be a control; the steps, where they have an index event of their own."""
    if controls.index is not None:
        steps = selecting.select(cdm, definition, controls.index, POOL)
        cdm.rows(f"DELETE FROM {POOL} WHERE person_id IN (SELECT person_id FROM {CASES})")
        return steps
    never = [events(cdm, definition.index.event)]
    never += [_often(events(cdm, one.event), one.at_least) for one in controls.exclude if one.event is not None]
    excluded = " UNION ".join(f"SELECT person_id FROM ({query})" for query in never)
    cdm.rows(
        f"CREATE OR REPLACE TEMP TABLE {POOL} AS SELECT o.person_id, o.observed_from AS day, o.observed_from,"
        f" o.observed_until, p.birth, p.sex, p.site FROM {selecting.PERIODS} o JOIN {selecting.PERSONS} p"
        f" USING (person_id) ANTI JOIN ({excluded}) x USING (person_id)"
    )
    return []


def pool(cdm: Cdm) -> Members:
    """Who could be a control."""
    return _members(cdm, POOL)


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
    for name in _names(controls.exact):
        values = numpy.unique(found[name])
        stratum = stratum * len(values) + numpy.searchsorted(values, found[name])
        place = numpy.minimum(numpy.searchsorted(values, pool_[name]), max(0, len(values) - 1))
        kept &= values[place] == pool_[name] if len(values) else False
        theirs = theirs * len(values) + place
    rows = numpy.flatnonzero(kept)
    chosen = pool_.rows(rows) if len(rows) < len(pool_) else pool_
    start = chosen["observed_from"] + controls.observed_before
    return _group(found, stratum, found["observed_from"], own=own), _group(chosen, theirs[rows], start, own=own), rows


def _group(members: Members, stratum: Whole, start: Whole, *, own: bool) -> Group:
    age = members["day"] - members["birth"] if own else members["birth"]
    return Group(members["person"], stratum, age, start, members["observed_until"], members["day"])


def _names(exact: Sequence[Trait]) -> list[str]:
    return [trait.value.replace("-", "_") for trait in exact]


def _often(query: str, at_least: int) -> str:
    return f"SELECT person_id FROM ({query}) GROUP BY person_id HAVING count(DISTINCT day) >= {at_least}"


def _members(cdm: Cdm, table: str) -> Members:
    found = cdm.columns(f"SELECT {_COLUMNS} FROM {table}")
    return Members({name: numpy.asarray(column, dtype=numpy.int64) for name, column in found.items()})
